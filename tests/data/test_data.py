"""Data sets: what they load, and that bad bytes give one clear DataError."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import pickle
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from polyframe import data
from polyframe.data import cifar, fashion
from polyframe.errors import DataError

rng = np.random.default_rng(0)
DEAD = "http://127.0.0.1:9/"  # nothing listens on this port


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test has a cache of its own; none sees the user's."""
    monkeypatch.setenv("POLYFRAME_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server on this machine: its address, and the folder that it shows."""
    (folder := tmp_path / "site").mkdir()
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()


def fails(match: str, call: Callable[..., object], *args: Any, **kw: Any) -> str:
    with pytest.raises(DataError, match=match) as caught:
        call(*args, **kw)
    return str(caught.value)


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def idx(values: np.ndarray) -> bytes:
    sizes = np.array(values.shape, ">u4").tobytes()
    return bytes((0, 0, 8, values.ndim)) + sizes + values.astype(np.uint8).tobytes()


IMAGES = rng.integers(0, 256, (7, 28, 28))
LABELS = np.array([0, 1, 2, 3, 9, 9, 4])
PAYLOADS = {
    "train-images-idx3-ubyte.gz": idx(IMAGES[:5]),
    "train-labels-idx1-ubyte.gz": idx(LABELS[:5]),
    "t10k-images-idx3-ubyte.gz": idx(IMAGES[5:]),
    "t10k-labels-idx1-ubyte.gz": idx(LABELS[5:]),
}


def write_gz(folder: Path, payloads: dict[str, bytes] = PAYLOADS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, payload in payloads.items():
        (folder / name).write_bytes(gzip.compress(payload))


def origin(
    payloads: dict[str, bytes] = PAYLOADS, *urls: str, debian: Path = Path("/nowhere")
) -> fashion.Origin:
    sums = {name: hashlib.sha256(p).hexdigest() for name, p in payloads.items()}
    return fashion.Origin(debian, urls, sums)


def check_fashion(loaded: data.Dataset, source: str) -> None:
    (x, y), test = loaded.train, loaded.test
    assert x.dtype == np.float32 and y.dtype == np.int64 and test is not None
    np.testing.assert_array_equal(x[:, 0], IMAGES[:5].astype(np.float32) / 255)
    assert y.tolist() + test[1].tolist() == LABELS.tolist()
    assert loaded.input_shape == (1, 28, 28) and loaded.num_classes == 10
    assert loaded.classes[9] == "Ankle boot" and loaded.source.startswith(source)


def test_fashion_takes_the_cache_first_then_debian(tmp_path: Path, cache: Path) -> None:
    write_gz(tmp_path / "debian")
    place = origin(debian=tmp_path / "debian")
    check_fashion(fashion.load_from(place), "Debian package dataset-fashion-mnist")
    write_gz(cache / "fashion-mnist")
    check_fashion(fashion.load_from(place), "cache folder ")


def test_fashion_download_fills_the_cache(
    site: tuple[str, Path], cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, folder = site
    write_gz(folder)
    loaded = fashion.load_from(origin(PAYLOADS, DEAD, url))  # the second address serves
    check_fashion(loaded, f"downloaded from {url}")
    assert left_in(cache) == sorted(PAYLOADS)
    assert f"downloading {url}train-images-idx3-ubyte.gz" in capsys.readouterr().err
    check_fashion(fashion.load_from(origin()), "cache folder ")  # now without a site


@pytest.mark.parametrize(
    ("served", "match"),
    [
        (gzip.compress(idx(IMAGES[:5] ^ 1)), "SHA-256 is [0-9a-f]{64}, not the publ"),
        (gzip.compress(idx(IMAGES[:5]))[:-20], "damaged .*: Compressed file ended"),
        (None, "HTTP Error 404"),
    ],
)
def test_fashion_bad_download_leaves_nothing(
    site: tuple[str, Path], cache: Path, served: bytes | None, match: str
) -> None:
    url, folder = site
    if served is not None:
        (folder / "train-images-idx3-ubyte.gz").write_bytes(served)
    text = fails(match, fashion.load_from, origin(PAYLOADS, url))
    assert left_in(cache) == []
    for way in ("dataset-fashion-mnist", str(cache), "data=digits", "data=synthetic"):
        assert way in text


def test_fashion_without_network_or_cache(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = origin(PAYLOADS, DEAD)
    fails("could not be downloaded: .*refused.*install", fashion.load_from, place)
    assert left_in(cache) == []
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("POLYFRAME_CACHE", str(tmp_path / "file"))
    fails("cannot be written.*set POLYFRAME_CACHE", fashion.load_from, place)


@pytest.mark.parametrize(
    ("payload", "match"),
    [
        (b"", "starts with nothing, not with the magic number 00 00 08 03"),
        (b"\0\0\x0d\x03" + bytes(40), "starts with 00 00 0d 03, not with the magic"),
        (b"\0\0\x08\x03\0\0\0\x05", "ends inside its header"),
        (idx(IMAGES[:5])[:-1], r"promises 3,920 values \(5, 28, 28\), but 3,919 "),
        (b"\0\0\x08\x03" + b"\xff" * 12, "promises 79,228,162,458,924,105,385,"),
        (idx(IMAGES[:4]), "x holds 4 samples but y holds 5"),
    ],
)
def test_fashion_bad_idx(cache: Path, payload: bytes, match: str) -> None:
    payloads = PAYLOADS | {"train-images-idx3-ubyte.gz": payload}
    write_gz(cache / "fashion-mnist", payloads)
    assert "fashion-mnist" in fails(match, fashion.load_from, origin(payloads))


def test_fashion_damaged_cache_names_the_file(cache: Path) -> None:
    write_gz(cache / "fashion-mnist")
    bad = cache / "fashion-mnist" / "t10k-labels-idx1-ubyte.gz"
    bad.write_bytes(b"no gzip at all")
    fails(f"Not a gzipped file.*delete {bad} and load", fashion.load_from, origin())
    bad.write_bytes(gzip.compress(idx(LABELS[:2])))
    fails(f"not the published .*delete {bad}", fashion.load_from, origin())
    write_gz(bad.parent, other := PAYLOADS | {bad.name: idx(np.array([0, 12]))})
    match = r"fashion-mnist, test: label 12 at sample 1 is outside 0\.\.9"
    fails(match, fashion.load_from, origin(other))


def cifar_files() -> dict[str, bytes]:
    made = np.random.default_rng(1).integers(0, 256, (6, 2, cifar.RECORD), np.uint8)
    made[:, :, 0] %= 10
    return {name: made[i].tobytes() for i, name in enumerate(cifar.FILES)}


def tar_gz(files: dict[str, bytes], folder: str = "cifar-10-batches-bin/") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(folder + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def check_cifar(loaded: data.Dataset) -> None:
    first = np.frombuffer(cifar_files()["data_batch_1.bin"], np.uint8)
    (x, y), test = loaded.train, loaded.test
    assert x.shape == (10, 3, 32, 32) and x.dtype == np.float32 and y.dtype == np.int64
    assert test is not None and test[0].shape == (2, 3, 32, 32) and y[0] == first[0]
    blue = first[1 + 2048 : 3073].astype(np.float32) / 255
    np.testing.assert_array_equal(x[0, 2].ravel(), blue)
    assert loaded.num_classes == 10


def test_cifar_from_path(tmp_path: Path) -> None:
    for name, content in cifar_files().items():
        (tmp_path / name).write_bytes(content)
    check_cifar(data.load("cifar10", path=str(tmp_path)))
    archive = tmp_path / "any.tar.gz"
    before = left_in(tmp_path.parent)
    archive.write_bytes(tar_gz(cifar_files() | {"evil.txt": b"!"}, folder="../"))
    check_cifar(data.load("cifar10", path=archive))
    assert left_in(tmp_path.parent) == sorted([*before, "any.tar.gz"])  # nothing else
    (tmp_path / "data_batch_3.bin").unlink()
    match = r"data_batch_3\.bin: the file does not exist"
    fails(match, data.load, "cifar10", path=tmp_path)


def test_cifar_download(site: tuple[str, Path], cache: Path) -> None:
    url, folder = site
    good = tar_gz(cifar_files())
    place = cifar.Origin(url + cifar.ARCHIVE, hashlib.sha256(good).hexdigest())
    (folder / cifar.ARCHIVE).write_bytes(good[:-1])
    fails("not the published .*data=digits", cifar.load_from, place)
    assert left_in(cache) == []
    (folder / cifar.ARCHIVE).write_bytes(good)
    check_cifar(cifar.load_from(place))
    assert left_in(cache) == [cifar.ARCHIVE]
    (folder / cifar.ARCHIVE).unlink()
    check_cifar(cifar.load_from(place))  # from the cache now
    cached = cache / "cifar10" / cifar.ARCHIVE
    cached.write_bytes(good[:-1])
    fails(f"not the published .*delete {cached}", cifar.load_from, place)


def test_cifar_bad_archives(tmp_path: Path) -> None:
    path = tmp_path / "c.tar.gz"
    good = tar_gz(cifar_files())
    short = cifar_files() | {"test_batch.bin": bytes(3072)}
    for content, match in [
        (good[: len(good) // 2], "damaged or of another kind"),
        (tar_gz({"data_batch_1.bin": b"x"}), r"data_batch_2\.bin, .* missing"),
        (
            tar_gz(short),
            r"test_batch\.bin: the file has 3,072 bytes, which is not a whole",
        ),
        (tar_gz(cifar_files() | {"test_batch.bin": b""}), "has 0 bytes"),
    ]:
        path.write_bytes(content)
        fails(match, data.load, "cifar10", path=path)
    match = "holds neither data_batch_1.bin nor cifar-10"
    fails(match, data.load, "cifar10", path=tmp_path / "nowhere")
    fails("path is 3", data.load, "cifar10", path=3)


def test_digits_equal_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    theirs, ours = load_digits(), data.load("digits")
    assert ours.test is not None and len(ours.test[0]) == 360
    x, y = (np.concatenate(pair) for pair in zip(ours.train, ours.test, strict=True))
    np.testing.assert_array_equal(x[:, 0], theirs.images / 16)
    np.testing.assert_array_equal(y, theirs.target)
    assert x.dtype == np.float32 and y.dtype == np.int64 and ours.num_classes == 10


def test_synthetic_is_seeded_and_learnable() -> None:
    one, same = data.load("synthetic", seed=3), data.load("synthetic", seed=3, test=64)
    assert all(map(np.array_equal, one.train, same.train))
    assert not np.array_equal(one.train[0], data.load("synthetic").train[0])
    (x, y), test = one.train, one.test
    assert x.shape == (1024, 3, 32, 32) and x.dtype == np.float32 and test is not None
    assert x.min() >= 0 and x.max() <= 1 and len(test[0]) == 256
    means = np.stack([x[y == c].mean(axis=0).ravel() for c in range(10)])
    distance = ((test[0].reshape(256, 1, -1) - means) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == test[1]).mean() > 0.99


def test_synthetic_shapes_and_regression() -> None:
    flat = data.load("synthetic", shape=[5], classes=3, train=8, test=0)
    assert flat.train[0].shape == (8, 5) and flat.test is None and flat.num_classes == 3
    assert data.load("synthetic", shape=7, train=2).input_shape == (7,)
    made = data.load("synthetic", shape=(2, 3, 4), targets=2, train=500)
    x, y = made.train
    assert y.shape == (500, 2) and y.dtype == np.float32 and made.num_classes is None
    design = np.c_[x.reshape(500, -1), np.ones(500)]
    residue = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    assert residue.std() < 0.1 and y.std() > 0.5


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"shape": (3,) * 5}, r"shape is \(3, 3, .*\(C, H, W\) or \(features,\)"),
        ({"shape": (3, 0, 32)}, "a size in shape is 0.*an integer, 1 or more"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"train": True}, "train is True"),
        ({"train": 10**15}, "10 classes take 11,4.* GiB.*allowed: up to 2 GiB"),
        ({"kind": "regresion"}, "unknown kind 'regresion'. Did you mean 'regression'"),
        ({"kind": "classification", "targets": 2}, "targets is for kind='regression'"),
        ({"clases": 3}, "no option 'clases'. Did you mean 'classes'.*shape, classes,"),
    ],
)
def test_synthetic_bad_options(options: dict[str, object], match: str) -> None:
    fails(f"^synthetic: .*{match}", data.load, "synthetic", **options)


def test_npz_scales_bytes_and_moves_channels(tmp_path: Path) -> None:
    path, x = tmp_path / "set.npz", rng.integers(0, 256, (4, 6, 5, 3), np.uint8)
    y = np.arange(4, dtype=np.uint8)
    np.savez(path, x_train=x, y_train=y, x_test=x[:2], y_test=y[:2], other=y)
    made = data.load(path, layout="NHWC")
    expected = x.transpose(0, 3, 1, 2).astype(np.float32) / 255
    np.testing.assert_array_equal(made.train[0], expected)
    assert made.train[1].dtype == np.int64 and made.num_classes == 4
    assert made.test is not None and made.input_shape == (3, 6, 5)
    assert made.name == "set.npz" and str(path) in made.source
    np.savez_compressed(
        path, x=rng.random((4, 6, 5)), y=rng.random((4, 2)).astype(">f4")
    )
    made = data.load(str(path))
    x, y = made.train
    assert x.shape == (4, 1, 6, 5) and x.dtype == np.float64 and y.dtype == np.float32
    assert y.dtype.isnative and made.num_classes is None and made.test is None


class Bomb:
    """What an evil pickle would run: it leaves a file behind."""

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (Path("exploded"),)


def test_npz_bad_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path, x, y = Path("bad.npz"), rng.random((4, 2)), np.arange(4)
    fails(r"bad\.npz: the file does not exist", data.load, path)
    for arrays, match in [
        ({"x": x}, "there is no y; the file holds 'x'.*x_train"),
        ({"images": x}, "the file holds 'images'.*x_train, y_train"),
        ({"x": np.array([Bomb()] * 4), "y": y}, "'x': .*Object arrays cannot be load"),
    ]:
        np.savez(path, **arrays)
        fails(match, data.load, path)
    path.write_bytes(pickle.dumps(Bomb()))
    fails("pickled data", data.load, path)
    assert not Path("exploded").exists()
    np.save("one.npy", x)
    fails("one array, not named ones", data.load, Path("one.npy").rename("one.npz"))
    np.savez(path, x_train=x, y_train=y)
    whole = path.read_bytes()
    for end in (0, 1, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        fails(r"bad\.npz: the file", data.load, path)
    for at in range(0, len(whole), 3):  # flipped bytes: a good load, or one DataError
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 0xFF,)) + whole[at + 1 :])
        try:
            data.load(path)
        except DataError as err:
            assert "bad.npz" in str(err)


X, Y = np.ones((4, 2), np.float32), np.arange(4)


@pytest.mark.parametrize(
    ("x", "y", "match"),
    [
        (X, Y[:3], "arrays, train: x holds 4 samples but y holds 3"),
        (np.ones((4, 0)), Y, r"the set is empty: x has shape \(4, 0\)"),
        (np.where(Y[:, None] == 2, np.nan, X), Y, "x holds NaN .* first at sample 2"),
        (X, np.array([0, 1, np.inf, 2]), "y holds NaN or infinity, first at sample 2"),
        (X, Y - 1, "label -1 at sample 0 is outside 0, 1, 2"),
        (X, np.array([0, 2**64 - 1] * 2, np.uint64), "label 1844.* at sample 1 is no"),
        (X, 2 * np.eye(4, dtype=int), r"shape \(4, 4\), not \(N,\).*several labels"),
        (X, [[1], [1, 2]], "y is not an array"),
        (X, np.array([None] * 4), "y is an array of Python objects.*never unpickled"),
        (X[0], Y, r"x has shape \(2,\).*\(N, C, H, W\)"),
        (X.astype(int), Y, r"x is of type int64.*uint8 \(scaled by 1/255\), float32"),
    ],
)
def test_bad_arrays(x: object, y: object, match: str) -> None:
    fails(match, data.from_arrays, x, y)


def test_arrays_options() -> None:
    made = data.from_arrays(X, Y, X, Y, name="mine", classes=list("abcd"))
    assert made.classes == tuple("abcd") and "'mine', train=4, test=4" in repr(made)
    arrays = data.from_arrays
    fails(r"label 3 at sample 3 is outside 0\.\.2", arrays, X, Y, classes=["0"] * 3)
    fails("y is float32, but 2 classes are named", arrays, X, X / 2, classes=["0"] * 2)
    fails("x_test is given without y_test", arrays, X, Y, X)
    fails(r"float32 \(2,\) .* in train, .* \(1,\) ", arrays, X, Y, X[:, :1], Y)
    fails("unknown layout 'NHCW'. Did you mean 'N", arrays, X, Y, layout="NHCW")


def test_names_and_descriptions() -> None:
    assert data.names() == ["cifar10", "digits", "fashion-mnist", "synthetic"]
    for name in data.names():
        assert "\n" not in data.describe(name) and len(data.describe(name)) < 90
    fails("set 'fashon-mnist'. Did you mean 'fashion-mnist'", data.load, "fashon-mnist")
    fails("allowed: cifar10, .* or a file that ends in", data.describe, "?")
    fails(
        "digits: there is no option 'x'.*allowed: train, test", data.load, "digits", x=1
    )
