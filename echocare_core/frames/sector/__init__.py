"""What of a picture shows anatomy: the scan sector, its beams, and in it the pixels of colour Doppler."""

from echocare_core.frames.sector.beams import Beams, find_beams
from echocare_core.frames.sector.mask import scan_extent, scan_sector, sector_of

__all__ = ["Beams", "find_beams", "scan_extent", "scan_sector", "sector_of"]
