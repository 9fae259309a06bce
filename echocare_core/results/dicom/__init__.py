"""DICOM objects of a run, which a PACS stores beside the images they are about."""
