"""Studies that arrive, in a folder or in Orthanc, predicted on and stored back, one after the other, for ever."""
