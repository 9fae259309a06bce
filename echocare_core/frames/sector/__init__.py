"""What of a picture shows anatomy: the scan sector, and in it the pixels of colour Doppler."""

from echocare_core.frames.sector.mask import scan_extent, scan_sector, sector_of

__all__ = ["scan_extent", "scan_sector", "sector_of"]
