"""What a data set's authors published: files, their sums, and who serves them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedFile:
    """A file as its authors published it.

    Attributes:
        name: its file name.
        size: in bytes.
        sha256: of the file.
        sha256_unpacked: of its content once unpacked; empty for an archive.
        mirrors: addresses that serve it.
    """

    name: str
    size: int
    sha256: str
    sha256_unpacked: str
    mirrors: tuple[str, ...]


@dataclass(frozen=True)
class FileSet:
    """Files of one data set that lie together.

    Attributes:
        dataset: the name users know it by.
        folders: where they may lie, relative to a data root; a download goes into the first, in the cache.
        has_own_names: no other data set uses these file names, so that they may also lie in the root
            itself. Else they are taken from there only if their content is the published one.
        files: by name.
    """

    dataset: str
    folders: tuple[str, ...]
    has_own_names: bool
    files: tuple[PublishedFile, ...]
