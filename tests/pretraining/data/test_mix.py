"""The mix of a pretraining: what it reads, and each mistake that is told before the training."""

import io
import logging
import pickle
from pathlib import Path

import pytest
from PIL import Image

from echocare_core.errors import SettingsError, TableError
from echocare_core.pretraining.data.mix import check_enough_images, read_mix, warn_of_one_organ
from echocare_core.pretraining.data.shard_file import ShardSample
from echocare_core.pretraining.data.shards import write_shards
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.tree import OrganTree

HEADER = "name,source,organ,weight\n"
TREE = OrganTree([Node(1, "abdomen", None, (), {}), Node(101, "liver", 1, (), {}), Node(102, "kidney", 1, (), {})])
ABDOMEN, LIVER, KIDNEY, UNKNOWN = 0, 1, 2, -1


@pytest.fixture
def table(tmp_path):
    """Writes a table into a folder, and an empty file for each image it names."""

    def write(rows: str, folder: str = "a", header: str = "image,group,split\n") -> Path:
        path = tmp_path / folder / "table.csv"
        path.parent.mkdir(exist_ok=True)
        path.write_text(header + rows, encoding="utf-8")
        for row in rows.splitlines():
            (path.parent / row.split(",")[0]).touch()
        return path

    return write


@pytest.fixture
def mix(tmp_path):
    """Writes a mix and reads it."""

    def read(rows: str, header: str = HEADER, **options):
        (tmp_path / "mix.csv").write_text(header + rows, encoding="utf-8")
        return read_mix(tmp_path / "mix.csv", TREE, **options)

    return read


def png():
    file = io.BytesIO()
    Image.new("L", (16, 16)).save(file, "png")
    return file.getvalue()


def write_liver_shards(folder, organs=("liver", "liver", "")):
    write_shards((ShardSample(f"{number}.png", organ, "p", png) for number, organ in enumerate(organs)), folder)


def refused(match):
    return pytest.raises(TableError, match=match)


def test_a_row_of_a_table_becomes_a_sample(table, mix):
    path = table("x.png,p7,train\n")
    (source,) = mix("liver set,a,liver,\n").sources
    assert source[0] == {"image": path.parent / "x.png", "node": LIVER, "group": "p7", "name": "x.png", "mask": None}


def test_rows_to_train_on_and_rows_without_labels_are_kept(table, mix):
    table("a.png,1,train\nb.png,2,val\nc.png,3,unlabelled\nd.png,4,test\n")
    (source,) = mix("s,a,,\n").sources
    assert [source[row]["name"] for row in range(len(source))] == ["a.png", "c.png"]


def test_other_splits_are_kept_where_they_are_asked_for(table, mix):
    table("a.png,1,train\nb.png,2,val\n")
    (source,) = mix("s,a,,\n", splits=["val"]).sources
    assert [source[row]["name"] for row in range(len(source))] == ["b.png"]


def test_a_source_may_be_the_table_itself(table, mix):
    table("a.png,1,train\n")
    assert len(mix("s,a/table.csv,,\n").sources[0]) == 1


def test_the_organ_of_a_row_comes_before_the_organ_of_its_data_set(table, mix):
    table("a.png,1,train,Kidney\nb.png,2,train,\nc.png,3,train,101\n", header="image,group,split,organ\n")
    (source,) = mix("s,a,abdomen,\n").sources
    assert [source[row]["node"] for row in range(3)] == [KIDNEY, ABDOMEN, LIVER]


def test_no_organ_anywhere_is_unknown(table, mix):
    table("a.png,1,train\n")
    (source,) = mix("s,a,,\n").sources
    assert source[0]["node"] == UNKNOWN


def test_names_in_any_script_are_read_back(table, mix):
    table("Ärzte 超声.png,Müller,train\n")
    (source,) = mix("s,a,,\n").sources
    assert (source[0]["name"], source[0]["group"]) == ("Ärzte 超声.png", "Müller")


def test_the_weight_is_the_number_of_images_unless_it_is_given(table, mix):
    table("a.png,1,train\nb.png,2,train\nc.png,3,train\n")
    table("a.png,1,train\n", folder="b")
    found = mix("s,a,,\nt,b,,2.5\n")
    assert found.weights == (3.0, 2.5)
    assert found.images == 4


def test_an_evaluation_leaves_out_shards_and_tables_without_its_split(table, mix, tmp_path, caplog):
    table("1.png,p,train\n2.png,q,test\n", "a")
    table("1.png,p,unlabelled\n", "b")
    write_liver_shards(tmp_path / "s")

    read = mix("A,a,liver,\nB,b,liver,\nS,s,,\n", splits=["test"], leave_out_others=True)

    assert [(source.name, len(source)) for source in read.sources] == [("A", 1)]
    assert "B has no images in the splits test" in caplog.text
    assert "S has no images in the splits test" in caplog.text


def test_an_evaluation_of_nothing_is_refused(table, mix):
    table("1.png,p,train\n", "a")

    with pytest.raises(TableError, match="names no table with a row in the splits test"):
        mix("A,a,liver,\n", splits=["test"], leave_out_others=True)


def test_a_folder_of_shards_is_a_source(mix, tmp_path):
    write_liver_shards(tmp_path / "shards")
    (source,) = mix("s,shards,kidney,\n").sources
    assert [source[row]["node"] for row in range(len(source))] == [LIVER, LIVER, KIDNEY]
    assert (source[1]["image"], source[1]["name"]) == (png(), "1.png")


def test_shards_are_read_in_windows_and_tables_in_any_order(table, mix, tmp_path):
    write_liver_shards(tmp_path / "shards")
    table("a.png,1,train\n")
    assert [source.window for source in mix("s,shards,,\nt,a,,\n").sources] == [8 * 3, 1]


def test_sources_travel_to_worker_processes(table, mix, tmp_path):
    write_liver_shards(tmp_path / "shards")
    table("a.png,1,train\n")
    found = mix("s,shards,,\nt,a,liver,\n")
    again = pickle.loads(pickle.dumps(found))
    assert [source[0] for source in again.sources] == [source[0] for source in found.sources]


def test_ten_thousand_rows_take_less_than_a_megabyte(table, mix):
    table("x.png,1,train\n" * 10_000)
    assert len(pickle.dumps(mix("s,a,liver,\n"))) < 1_000_000


def test_no_mix_is_refused(tmp_path):
    with refused(r"No mix at .*gone\.csv; needed a CSV"):
        read_mix(tmp_path / "gone.csv", TREE)


@pytest.mark.parametrize("column", ["name", "source", "organ", "weight"])
def test_a_missing_column_of_the_mix_is_refused_by_name(mix, column):
    with refused(f"lacks the columns {column} "):
        mix("s,a,,\n", header=HEADER.replace(column, "other"))


def test_a_mix_without_rows_is_refused(mix):
    with refused("mix.csv has no rows"):
        mix("")


def test_a_name_given_twice_is_refused_with_its_row(table, mix):
    table("a.png,1,train\n")
    with refused(r"mix\.csv, row 2 has the name 's' a second time"):
        mix("s,a,,\ns ,a,,\n")


def test_a_row_without_a_name_is_refused(mix):
    with refused(r"mix\.csv, row 1 has no name"):
        mix(",a,,\n")


@pytest.mark.parametrize("source", ["gone", "gone.csv", "empty", ""])
def test_a_source_that_is_not_there_is_refused_with_its_row(mix, tmp_path, source):
    (tmp_path / "empty").mkdir()
    with refused(rf"mix\.csv, row 1 \(s\): the source '{source}' is not there"):
        mix(f"s,{source},,\n")


def test_an_unknown_organ_of_the_mix_is_refused_with_its_row(table, mix):
    table("a.png,1,train\n")
    with refused(r"mix\.csv, row 2 \(t\): The organ tree has no 'livre'.*liver"):
        mix("s,a,,\nt,a,livre,\n")


def test_an_unknown_organ_of_a_table_is_refused_with_file_and_row(table, mix):
    table("a.png,1,train,liver\nb.png,2,val,x\nc.png,3,train,livre\n", header="image,group,split,organ\n")
    with refused(r"table\.csv, row 3: The organ tree has no 'livre'"):
        mix("s,a,,\n")


def test_an_unknown_organ_in_a_shard_is_refused_by_image(mix, tmp_path):
    write_liver_shards(tmp_path / "shards", organs=["livre"])
    (source,) = mix("s,shards,,\n").sources
    with refused(r"s: 0\.png in the shards: The organ tree has no 'livre'"):
        source[0]


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf", "many"])
def test_a_weight_that_is_no_positive_number_is_refused(table, mix, weight):
    table("a.png,1,train\n")
    with refused(rf"row 1 \(s\): the weight is '{weight}'; needed a number above 0"):
        mix(f"s,a,,{weight}\n")


def test_a_table_with_no_row_to_train_on_is_refused_with_the_splits_it_has(table, mix):
    table("a.png,1,val\nb.png,2,val\n")
    with refused(r"has no row in the splits train, unlabelled \(found val: 2\)"):
        mix("s,a,,\n")


def test_a_group_in_two_splits_is_refused(table, mix):
    table("a.png,p7,train\nb.png,p7,test\n")
    with refused(r"rows 1 and 2 are one group in the splits train, test"):
        mix("s,a,,\n")


def test_a_table_without_a_column_is_refused(table, mix):
    table("a.png,train\n", header="image,split\n")
    with refused("lacks the columns group"):
        mix("s,a,,\n")


def test_an_image_that_is_not_there_is_refused_unless_its_split_is_not_used(table, mix):
    path = table("a.png,1,train\nb.png,2,test\n")
    (path.parent / "b.png").unlink()
    assert mix("s,a,,\n").images == 1
    (path.parent / "a.png").unlink()
    with refused(r"row 1, image a\.png is not there"):
        mix("s,a,,\n")


def test_fewer_images_than_a_batch_are_refused(table, mix):
    table("a.png,1,train\nb.png,2,train\n")
    found = mix("s,a,,\n")
    check_enough_images(found, 2)
    with pytest.raises(SettingsError, match="has 2 images; needed 3"):
        check_enough_images(found, 3)


@pytest.mark.parametrize(("organs", "warned"), [(["liver", ""], True), (["", ""], True), (["liver", "kidney"], False)])
def test_a_mix_of_less_than_two_organs_is_warned_of(table, mix, caplog, organs, warned):
    table("a.png,1,train\n")
    found = mix(f"s,a,{organs[0]},\nt,a,{organs[1]},\n")
    with caplog.at_level(logging.WARNING):
        warn_of_one_organ(found)
    assert ("hierarchical labels need two" in caplog.text) == warned


def test_shards_may_hold_further_organs_so_there_is_no_warning(mix, caplog, tmp_path):
    write_liver_shards(tmp_path / "shards")
    warn_of_one_organ(mix("s,shards,,\n"))
    assert not caplog.text
