"""Data sets from CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.data_files import BYTES, LABELS, bad, pictures, save
from hypothesis import given, settings
from hypothesis import strategies as st

from polyframe import data
from polyframe.errors import DataError


def csv(text, name="set.csv"):
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_csv_of_pictures():
    x = pictures("pics")
    csv(
        "\ufefflabel , image,split,weight\r\n"
        "dog,pics/dog/0.png,train,2\r\n"
        '"cat",pics/cat/0.png,train,0\r\n'
        "\r\n"
        "eel,pics/../pics/eel/0.png,test,\r\n".replace("pics/../", "")
        + "eel,./pics/eel/1.png,train,0.5"
    )
    made = data.load("set.csv")
    np.testing.assert_array_equal(made.train[0], x[[2, 0, 5]])
    np.testing.assert_array_equal(made.test[0], x[[4]])
    assert made.classes == ("cat", "dog", "eel") and made.train[1].tolist() == [1, 0, 2]
    assert made.weights.tolist() == [2, 0, 0.5] and made.test[1].tolist() == [2]
    assert (made.name, made.source) == ("set.csv", "file set.csv")
    csv("image,label\npics/dog/0.png,3\npics/cat/0.png,0\n")
    made = data.load("set.csv", size=[3, 3], channels=1)
    assert made.train[1].tolist() == [3, 0] and made.num_classes == 4
    assert made.input_shape == (1, 3, 3) and made.weights is None


def test_csv_of_pixels():
    lines = [",".join(map(str, [y, *x.ravel()])) for y, x in zip(LABELS, BYTES)]
    head = ",".join(["label", *(f"pixel{i}" for i in range(90))])
    csv("\n".join([head, *lines]))
    made = data.load("set.csv", shape=[3, 6, 5])
    np.testing.assert_array_equal(made.train[0], BYTES)
    assert made.train[0].dtype == np.uint8 and made.train[1].tolist() == [*LABELS]
    assert data.load("set.csv").input_shape == (90,)
    csv("pixel0,label,split,pixel1\n1,a,val,2\n3,b,train,4\n5,a,train,6\n7,b,test,8\n")
    made = data.load("set.csv")
    assert made.train[0].tolist() == [[3, 4], [5, 6]] and made.classes == ("a", "b")
    assert made.test[0].tolist() == [[7, 8]] and made.source == "file set.csv"
    assert made.validation[0].tolist() == [[1, 2]] and made.validation[1].tolist() == [
        0
    ]
    for shape, text in (
        ([1, 2], "set.csv: shape is [1, 2]; [channels, height, width] is needed"),
        ([1, 2, 3], "set.csv: shape (1, 2, 3) has 6 values, a row 2 pixels"),
        ("x", "shape is 'x'"),
    ):
        bad(text, "set.csv", shape=shape)
    bad("set.csv: there is no size for a table of pixels", "set.csv", size=3)


def test_csv_of_numbers():
    x = pictures("pics", classes=["cat"], count=3)
    head = "target,image,split,weight\n"
    rows = "-1.5,pics/cat/0.png,train,2\n2e3,pics/cat/1.png,train,0\n"
    rows += "7,pics/cat/2.png,test,\n"
    made = data.load(csv(head + rows))
    np.testing.assert_array_equal(made.train[0], x[:2])
    assert made.train[1].tolist() == [-1.5, 2000] and made.test[1].tolist() == [7]
    assert made.train[1].dtype == np.float32 and made.task == "regression"
    assert made.weights.tolist() == [2, 0] and made.classes == ()
    made = data.load(csv("pixel0,target_cat,target_dog\n5,0,1\n6,1,1\n"))
    assert made.train[1].tolist() == [[0, 1], [1, 1]] and made.task == "multi-label"


PIXELS = "label,pixel0,pixel1\n0,1,2\n"
FILES = "image,label,split,weight\np/cat/0.png,cat,train,1\n"
BAD_CSV = {
    "": "set.csv: has no header line (allowed: the columns image, label[,",
    "label,image\n": "set.csv: has no samples to train on",
    "image,label,label\n": "set.csv: has two columns 'label'",
    "image,lable\n": "set.csv: there is no column 'lable'. Did you mean 'label'?",
    "image,label,id\n": "there is no column 'id'.",
    "image\n": "set.csv: needs the column label, and either image or pixel0",
    "label\n": "needs the column label, and either image or pixel0",
    "label,image,pixel0\n": "needs the column label, and either image or pixel0",
    "label,target,pixel0\n": "has the columns label and 'target'; one kind is needed",
    "target,pixel0\n1,2\nx,3": "set.csv, line 3: target is 'x'; a finite number is nee",
    "target,pixel0\n1e99,2": "set.csv, line 2: target is '1e99'; a finite number",
    PIXELS + "1,2": "set.csv, line 3: has 2 cells, the header 3",
    PIXELS + "1,2,3,4": "set.csv, line 3: has 4 cells, the header 3",
    PIXELS + "1,2,": "set.csv, line 3: pixel '' is not a whole number from 0 to 255",
    PIXELS + "\n1,2,256": "set.csv, line 4: pixel '256' is not a whole number",
    PIXELS + "1,-1,2": "set.csv, line 3: pixel '-1' is no",
    PIXELS + "1,2,0.5": "set.csv, line 3: pixel '0.5' is no",
    PIXELS + ",2,3": "set.csv, line 3: has no label",
    PIXELS
    + "-1,2,3": "set.csv, line 3: label '-1' is not a class number (allowed: 0, 1,",
    PIXELS + "0.5,2,3": "set.csv, line 3: label '0.5' is not a class number",
    PIXELS + "99999999999,2,3": "set.csv, line 3: label '99999999999' is not a class",
    PIXELS + '1,2,"3\n4,5,6\n': "set.csv, line 4: is not a CSV table: unexpected end",
    PIXELS
    + f"1,2,{'3' * 200_000}": "set.csv, line 3: is not a CSV table: field larger",
    FILES + "p/cat/1.png,cat,trian,1": "line 3: split is 'trian'; one of train, test,",
    FILES + "p/cat/1.png,cat,train,x": "line 3: weight is 'x'; a finite number, 0 or",
    FILES + "p/cat/1.png,cat,train,-1": "line 3: weight is '-1'",
    FILES + "p/cat/1.png,cat,train,nan": "line 3: weight is 'nan'",
    FILES + "p/cat/1.png,dog,test,": "line 3: class 'dog' is not among the classes to",
    FILES + "p/cat/9.png,cat,test,": "line 3: there is no file 'p/cat/9.png'",
    FILES + "p/cat,cat,test,": "line 3: there is no file 'p/cat'",
    FILES + ",cat,test,": "line 3: image is ''; a path inside the CSV's folder is",
    FILES + "/etc/passwd,cat,test,": "line 3: image is '/etc/passwd'; a path inside",
    FILES + "../x.png,cat,test,": "line 3: image is '../x.png'; a path inside",
    FILES + "p\\..\\..\\x.png,cat,test,": "line 3: image is 'p",
    FILES + "C:\\x.png,cat,test,": "line 3: image is 'C:",
    FILES + "p/\0.png,cat,test,": "line 3: image is 'p/\\x00.png'",
    FILES + "out/0.png,cat,test,": "line 3: 'out/0.png' is a link that leads out of",
    FILES + "loop/0.png,cat,test,": "line 3: ",
    FILES + "p/text.png,cat,test,": "set.csv, line 3: p/text.png: is not an image",
    FILES + "p/small.png,cat,test,": "line 3: p/small.png: is 2 x 2 pixels, the set's",
}


@pytest.mark.parametrize("text", BAD_CSV, ids=range(len(BAD_CSV)))
def test_bad_csv_is_one_message_with_its_line(text, here, monkeypatch):
    inner = here / "inner"
    pictures(inner / "p", classes=["cat"])
    save(inner / "p/small.png", np.zeros((2, 2)))
    (inner / "p/text.png").write_text("text")
    save(here / "outside/0.png", BYTES[0])
    (inner / "out").symlink_to(here / "outside")
    (inner / "loop").symlink_to(inner / "loop")
    monkeypatch.chdir(inner)
    bad(BAD_CSV[text], csv(text))


def test_csv_of_other_bytes():
    Path("set.csv").write_bytes(PIXELS.encode() + b"1,2,\xff\n")
    bad("'utf-8' codec can't decode byte 0xff", "set.csv")
    bad("none.csv: the file does not exist (allowed: the columns", "none.csv")
    Path("dir.csv").mkdir()
    bad("dir.csv: the file cannot be read: Is a directory", "dir.csv")


def test_csv_cut_anywhere():
    pictures("p", classes=["cat"])
    for whole in (FILES + "p/cat/1.png,cat,test,1\n", PIXELS + '"1",2,3\n'):
        for end in range(len(whole)):
            try:
                data.load(csv(whole[:end]))
            except DataError as error:
                assert str(error).startswith("set.csv")


WORDS = ["label", "image", "pixel0", "pixel1", "split", "weight", "0", "1", "7"]
WORDS += ["train", "-1", "x", "a/b", "..", '"', "\0", "é", ""]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(
            st.sampled_from(WORDS),
            max_size=5,
        ),
        max_size=5,
    )
)  # fmt: skip
def test_any_csv_is_a_set_or_one_message(rows):
    name = csv("\n".join(",".join(row) for row in rows))
    try:
        made = data.load(name)
    except DataError as error:
        assert str(error).startswith("set.csv") and str(error).isprintable()
    else:
        assert len(made.train[0]) == len(made.train[1]) > 0
