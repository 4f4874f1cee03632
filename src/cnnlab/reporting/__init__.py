"""Reporting: pictures of a run, and tables of a comparison."""

from cnnlab.reporting.pictures import write_pictures

__all__ = ["write_pictures"]
