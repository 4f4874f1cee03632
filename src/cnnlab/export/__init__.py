"""Networks as files for other systems, and such a file read back; reading one does without torch.

What writes them is imported from its own files, which need torch: `graph`, `onnx_file`, `gate`, ...
"""

from cnnlab.export.description import ExportDescription
from cnnlab.export.loading import Export, Labels, Picture, load_export

__all__ = ["Export", "ExportDescription", "Labels", "Picture", "load_export"]
