import gzip
import hashlib
import tracemalloc

import pytest

from cnnlab.data.sources.unpack import PackedFile
from cnnlab.errors import DataError

CONTENT = bytes(range(256)) * 40


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_content_packed_or_not(tmp_path, pack):
    (tmp_path / "file").write_bytes(pack(CONTENT))
    file = PackedFile(tmp_path / "file")
    assert file.head(300) == CONTENT[:300]
    assert file.read(len(CONTENT), reason="so it is") == CONTENT
    assert file.sha256_unpacked() == hashlib.sha256(CONTENT).hexdigest()
    for size in (0, len(CONTENT) - 1, len(CONTENT) + 1):
        with pytest.raises(DataError, match="so it is"):
            file.read(size, reason="so it is")


def test_a_gzip_bomb_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(bytes(200_000_000), 1))
    tracemalloc.start()
    with pytest.raises(DataError, match="wrong length"):
        PackedFile(path).read(1000, reason="a thousand bytes")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
