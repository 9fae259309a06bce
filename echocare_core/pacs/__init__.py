"""A PACS to a folder that is read like an export: DICOMweb, each object as it is stored."""
