"""EchoCare inside other programs, and as a program that others ask."""
