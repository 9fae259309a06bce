"""The organ tree: what it answers, each way to break its file, and the tree that we ship."""

import pickle
import re
from pathlib import Path

import numpy as np
import pydicom
import pytest
import yaml
from pydicom.sr._concepts_dict import concepts

from echocare_core.errors import TableError
from echocare_core.pretraining.organs.node import Node
from echocare_core.pretraining.organs.tree import UNKNOWN, OrganTree, read_tree

SHIPPED = Path(__file__).parents[3] / "data_manifests" / "organ_tree.yaml"
SMALL = [
    Node(7, "thorax", synonyms=("chest",)),
    Node(702, "heart", 7),
    Node(7001, "apical four-chamber view", 702, ("A4C",), {"snomed_ct": "399214001"}),
    Node(1, "abdomen"),
    Node(101, "liver", 1),
]
SMALL_FILE = """
version: 1
regions:
  - id: 7
    name: thorax
    synonyms: [chest]
    children:
      - id: 702
        name: heart
        children:
          - {id: 7001, name: apical four-chamber view, synonyms: [A4C], snomed_ct: "399214001"}
  - {id: 1, name: abdomen, children: [{id: 101, name: liver}]}
"""


def refused(*parts):
    """The error names all parts, in their order."""
    return pytest.raises(TableError, match="(?s)" + ".*".join(map(re.escape, parts)))


@pytest.fixture
def read(tmp_path):
    """Reads a tree from its text."""

    def read_text(text):
        (tmp_path / "tree.yaml").write_text(text, encoding="utf-8")
        return read_tree(tmp_path / "tree.yaml")

    return read_text


@pytest.fixture(scope="module")
def shipped():
    return read_tree(SHIPPED)


def reversed_rows(rows):
    """The same rows, children and structures, last first."""
    nested = ("children", "structures")
    return [{**row, **{key: reversed_rows(row[key]) for key in nested if key in row}} for row in reversed(rows)]


def words_of(texts):
    return {word for text in texts for word in re.findall(r"[a-z]+", text.lower())}


# What a tree answers.


def test_nodes_stand_in_order_of_their_ids():
    assert [node.id for node in OrganTree(SMALL).nodes] == [1, 7, 101, 702, 7001]


def test_a_file_holds_the_same_nodes_as_the_list(read):
    assert read(SMALL_FILE).nodes == OrganTree(SMALL).nodes


WITH_STRUCTURES = SMALL_FILE.replace(
    "{id: 101, name: liver}",
    "{id: 101, name: liver, structures: [{id: 10001, name: liver mass, synonyms: [liver tumor], "
    "structures: [{id: 10002, name: necrosis}]}]}",
)


def test_structures_change_nothing_of_what_images_show(read):
    found, without = read(WITH_STRUCTURES), read(SMALL_FILE)
    assert (found.nodes, found.fingerprint, found.levels) == (without.nodes, without.fingerprint, without.levels)
    np.testing.assert_array_equal(found.ancestors, without.ancestors)
    assert [(node.id, node.name, node.parent) for node in found.structures] == [
        (10001, "liver mass", 101),
        (10002, "necrosis", 10001),
    ]
    assert without.structures == ()


@pytest.mark.parametrize("name", ["Liver_mass", "liver tumor", "10001"])
def test_a_structure_is_found_where_pixels_are_named_and_refused_where_images_are(read, name):
    tree = read(WITH_STRUCTURES)
    assert tree.find_outlined(name).id == 10001
    with refused(f"'{name}' is a structure", "such as 'liver'"):
        tree.find(name)


def test_pixels_may_be_named_by_an_organ(read):
    assert read(WITH_STRUCTURES).find_outlined("liver").id == 101


@pytest.mark.parametrize("name", ["liver mas", ""])
def test_a_structure_that_is_not_there_is_refused_with_the_nearest_names(read, name):
    with refused(f"no '{name}'", "nearest names are", "Correct"):
        read(WITH_STRUCTURES).find_outlined(name)


def test_the_nearest_names_of_an_image_are_no_structures(read):
    with pytest.raises(TableError) as error:
        read(WITH_STRUCTURES).find("liver mas")
    assert "liver mass" not in str(error.value).split("nearest names are")[1]


def test_the_line_of_a_structure_goes_up_to_the_region(read):
    assert read(WITH_STRUCTURES).lineage(10002) == (10002, 10001, 101, 1)


def test_the_order_of_the_file_decides_nothing(read, shipped):
    layout = yaml.safe_load(SHIPPED.read_text(encoding="utf-8"))
    turned = read(yaml.safe_dump({**layout, "regions": reversed_rows(layout["regions"])}, sort_keys=False))
    assert turned.nodes == shipped.nodes
    assert turned.fingerprint == shipped.fingerprint
    np.testing.assert_array_equal(turned.ancestors, shipped.ancestors)
    np.testing.assert_array_equal(turned.depth, shipped.depth)


def test_ancestors_are_those_met_on_the_way_up(shipped):
    by_id = {node.id: node for node in shipped.nodes}
    expected = np.zeros((len(shipped), len(shipped)), dtype=bool)
    for row, node in enumerate(shipped.nodes):
        while node is not None:
            expected[row, shipped.nodes.index(node)] = True
            node = by_id.get(node.parent)
    assert shipped.ancestors.dtype == bool
    np.testing.assert_array_equal(shipped.ancestors, expected)


def test_ancestors_of_a_small_tree_are_as_written_by_hand():
    assert OrganTree(SMALL).ancestors.astype(int).tolist() == [
        [1, 0, 0, 0, 0],  # abdomen
        [0, 1, 0, 0, 0],  # thorax
        [1, 0, 1, 0, 0],  # liver
        [0, 1, 0, 1, 0],  # heart
        [0, 1, 0, 1, 1],  # apical four-chamber view
    ]


def test_depth_counts_from_the_regions():
    tree = OrganTree(SMALL)
    assert (tree.depth.tolist(), tree.depth.dtype, tree.levels, len(tree)) == ([0, 0, 1, 1, 2], np.int64, 3, 5)


def test_lines_hold_who_stands_above_on_each_level():
    tree = OrganTree(SMALL)
    assert tree.lines.tolist() == [[0, -1, -1], [1, -1, -1], [0, 2, -1], [1, 3, -1], [1, 3, 4]]
    assert tree.lines.dtype == np.int64


def test_a_tree_of_regions_has_one_level():
    assert OrganTree([Node(1, "abdomen"), Node(2, "back")]).levels == 1


def test_a_parent_may_have_the_higher_id():
    tree = OrganTree([Node(5, "liver", 900), Node(900, "abdomen")])
    assert tree.path(tree.find("liver")) == ("abdomen", "liver")


def test_a_file_may_nest_fifty_levels_deep(read):
    row = {"id": 50, "name": "level a50"}
    for number in range(49, 0, -1):
        row = {"id": number, "name": f"level a{number}", "children": [row]}
    tree = read(yaml.safe_dump({"version": 1, "regions": [row]}))
    assert tree.levels == 50
    assert tree.path(49) == tuple(f"level a{number}" for number in range(1, 51))


@pytest.mark.parametrize(
    "name",
    ["apical four-chamber view", "Apical Four_Chamber  VIEW", " apical\tfour - chamber view ", "a4c", "7001", " 7001 "],
)
def test_a_node_is_found_by_name_synonym_or_id(name):
    assert OrganTree(SMALL).find(name) == 4


@pytest.mark.parametrize("name", ["", "  "])
def test_an_empty_name_is_unknown(name):
    assert OrganTree(SMALL).find(name) == UNKNOWN == -1


def test_a_name_that_no_node_has_is_refused_with_the_nearest_three():
    tree = OrganTree([*SMALL, Node(703, "lung", 7), Node(102, "kidney", 1)])
    with pytest.raises(TableError) as error:
        tree.find("kidny")
    found, nearest = re.search(r"no '(.*?)'.*nearest names are (.*?)\.", str(error.value)).groups()
    assert found == "kidny"
    assert nearest.split(", ")[0] == "kidney"
    assert len(nearest.split(", ")) == 3


@pytest.mark.parametrize("name", ["9999", "0", "-1", "1.0", "-", "nan"])
def test_what_is_neither_a_name_nor_an_id_is_refused(name):
    with refused(f"no '{name}'"):
        OrganTree(SMALL).find(name)


def test_a_path_runs_from_the_region_down():
    tree = OrganTree(SMALL)
    assert tree.path(tree.find("a4c")) == ("thorax", "heart", "apical four-chamber view")


def test_the_path_of_the_unknown_is_empty():
    assert OrganTree(SMALL).path(UNKNOWN) == ()


def test_a_tree_survives_the_way_into_a_worker():
    tree = pickle.loads(pickle.dumps(OrganTree(SMALL)))
    assert (tree.find("chest"), tree.fingerprint) == (1, OrganTree(SMALL).fingerprint)


@pytest.mark.parametrize(
    "changed",
    [
        [*SMALL, Node(2, "back")],
        [*SMALL[:-1], Node(102, "liver", 1)],
        [*SMALL[:-1], Node(101, "liver", 7)],
        [*SMALL[:-1], Node(101, "spleen", 1)],
        SMALL[:-1],
    ],
)
def test_another_id_parent_or_name_is_another_tree(changed):
    assert OrganTree(changed).fingerprint != OrganTree(SMALL).fingerprint


def test_a_new_synonym_or_code_is_the_same_tree():
    changed = [*SMALL[:-1], Node(101, "liver", 1, ("hepatic",), {"radlex": "RID58"})]
    assert OrganTree(changed).fingerprint == OrganTree(SMALL).fingerprint


# What is refused.


def test_a_node_under_a_parent_that_is_not_there_is_refused():
    with refused("node 5", "parent 6", "not in the tree"):
        OrganTree([Node(5, "liver", 6)])


def test_nodes_that_stand_below_each_other_are_refused():
    with refused("parent", "stands below it"):
        OrganTree([Node(5, "liver", 6), Node(6, "abdomen", 5)])


def test_a_tree_without_nodes_is_refused():
    with refused("no nodes"):
        OrganTree([])


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with refused("none.yaml", "cannot be read"):
        read_tree(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", [b"regions: [", b"version: \xff", b"version: 1\nregions: 2024-13-45"])
def test_a_file_that_is_not_yaml_is_refused(tmp_path, content):
    (tmp_path / "tree.yaml").write_bytes(content)
    with refused("tree.yaml", "not YAML"):
        read_tree(tmp_path / "tree.yaml")


def test_a_file_may_not_make_objects(read):
    with refused("tree.yaml", "not YAML", "python/object"):
        read("version: !!python/object/apply:os.getcwd []\nregions: []")


@pytest.mark.parametrize("text", ["", "- 1", "tree"])
def test_a_file_that_is_no_mapping_is_refused(read, text):
    with refused("tree.yaml", "the file is", "needed a mapping"):
        read(text)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("regions: [{id: 1, name: back}]", ["the file lacks version"]),
        ("version: 1", ["the file lacks regions"]),
        ("version: 2\nregions: [{id: 1, name: back}]", ["version 2", "needed 1"]),
        ("version: 1\nregions: [{id: 1, name: back}]\nauthor: me", ["the file", "unknown keys author"]),
        ("version: 1\nregions: []", ["no nodes"]),
        ("version: 1\nregions:", ["the file has the nodes None", "a list"]),
        ("version: 1\nregions: {id: 1, name: back}", ["the file has the nodes", "a list"]),
        ("version: 1\nversion: 1\nregions: [{id: 1, name: back}]", ["'version' twice", "line 2"]),
    ],
)
def test_a_file_of_another_layout_is_refused(read, text, parts):
    with refused("tree.yaml", *parts):
        read(text)


@pytest.mark.parametrize(
    ("row", "parts"),
    [
        ("liver", ["node of node 'abdomen' is 'liver'", "needed a mapping"]),
        ("{name: liver}", ["node 'liver' lacks id"]),
        ("{id: 5}", ["node 5 lacks name"]),
        ("{id: 1, name: liver}", ["'abdomen' and 'liver' both have the id 1"]),
        ("{id: one, name: liver}", ["node 'liver' has the id 'one'"]),
        ("{id: '5', name: liver}", ["node 'liver' has the id '5'"]),
        ("{id: 5.0, name: liver}", ["node 'liver' has the id 5.0"]),
        ("{id: true, name: liver}", ["node 'liver' has the id True"]),
        ("{id: null, name: liver}", ["node 'liver' has the id None"]),
        ("{id: 0, name: liver}", ["node 'liver' has the id 0"]),
        ("{id: -1, name: liver}", ["node 'liver' has the id -1"]),
        ("{id: 5, name: }", ["node 5 is named None"]),
        ("{id: 5, name: ''}", ["node 5 is named ''"]),
        ("{id: 5, name: no}", ["node 5 is named False"]),
        ("{id: 5, name: '101'}", ["node 5 is named '101'"]),
        ("{id: 5, name: Abdomen}", ["'abdomen'", "node 1 ('abdomen')", "node 5 ('Abdomen')"]),
        ("{id: 5, name: tummy-area}", ["'tummy area'", "node 1 ('abdomen')", "node 5 ('tummy-area')"]),
        ("{id: 5, name: liver, synonyms: [abdomen]}", ["node 1 ('abdomen')", "node 5 ('liver')"]),
        ("{id: 5, name: liver, synonyms: [Liver]}", ["node 5 ('liver')", "node 5 ('liver')"]),
        ("{id: 5, name: liver, synonyms: hepatic}", ["node 'liver' has the synonyms 'hepatic'", "a list"]),
        ("{id: 5, name: liver, synonyms: [4]}", ["node 5 is named 4"]),
        ("{id: 5, name: liver, snomed_ct: 10200004}", ["node 'liver' has the snomed_ct code 10200004", "quotes"]),
        ("{id: 5, name: liver, radlex: }", ["node 'liver' has the radlex code None"]),
        ("{id: 5, name: liver, colour: red}", ["node 'liver' has the unknown keys colour"]),
        ("{id: 5, name: liver, children: 6}", ["node 'liver' has the nodes 6", "a list"]),
        ("{id: 5, name: liver, name: spleen}", ["'name' twice"]),
        ("{id: 5, name: liver, structures: 6}", ["node 'liver' has the nodes 6", "a list"]),
        ("{id: 5, name: liver, structures: [{id: 6, name: mass, children: []}]}", ["'mass'", "unknown keys children"]),
        ("{id: 5, name: liver, structures: [{id: 6, name: Abdomen}]}", ["'abdomen'", "node 1", "node 6"]),
        ("{id: 5, name: liver, structures: [{id: 1, name: mass}]}", ["'abdomen' and 'mass' both have the id 1"]),
        ("&itself {id: 5, name: liver, children: [*itself]}", ["'liver' and 'liver' both have the id 5"]),
    ],
)
def test_a_faulty_node_is_refused_by_name(read, row, parts):
    with refused("tree.yaml", *parts):
        read(f"version: 1\nregions: [{{id: 1, name: abdomen, synonyms: [tummy area], children: [{row}]}}]")


# The tree that we ship.


def test_the_shipped_tree_has_the_nine_regions(shipped):
    assert [(node.id, node.name) for node in shipped.nodes if node.parent is None] == [
        (1, "abdomen"),
        (2, "back"),
        (3, "fetus"),
        (4, "head and neck"),
        (5, "lower limb"),
        (6, "pelvis"),
        (7, "thorax"),
        (8, "upper limb"),
        (9, "other"),
    ]


def test_the_shipped_tree_has_at_least_52_organs_and_some_views(shipped):
    assert np.count_nonzero(shipped.depth == 1) >= 52
    assert np.count_nonzero(shipped.depth == 2) >= 20


def test_every_shipped_region_has_organs(shipped):
    below = shipped.ancestors.sum(axis=0)[shipped.depth == 0]
    assert (below > 1).all()


@pytest.mark.parametrize(
    ("name", "identity", "path"),
    [
        ("breast", 701, ("thorax", "breast")),
        ("fetal head", 301, ("fetus", "fetal head")),
        ("fetal abdomen", 305, ("fetus", "fetal abdomen")),
        ("maternal cervix", 604, ("pelvis", "uterine cervix")),
        ("carotid artery", 403, ("head and neck", "carotid artery")),
        ("liver", 101, ("abdomen", "liver")),
        ("kidney", 106, ("abdomen", "kidney")),
        ("gallbladder", 102, ("abdomen", "gallbladder")),
        ("ovary", 602, ("pelvis", "ovary")),
        ("prostate", 607, ("pelvis", "prostate gland")),
        ("lung", 703, ("thorax", "lung")),
        ("heart", 702, ("thorax", "heart")),
        ("apical four-chamber", 7001, ("thorax", "heart", "apical four-chamber view")),
        ("A4C", 7001, ("thorax", "heart", "apical four-chamber view")),
        ("apical two-chamber", 7002, ("thorax", "heart", "apical two-chamber view")),
        ("A2C", 7002, ("thorax", "heart", "apical two-chamber view")),
        ("calf", 506, ("lower limb", "lower leg muscle")),
        ("skeletal muscle of the lower leg", 506, ("lower limb", "lower leg muscle")),
        ("gastrocnemius", 5007, ("lower limb", "lower leg muscle", "gastrocnemius muscle")),
        ("thyroid", 401, ("head and neck", "thyroid gland")),
        ("brachial plexus", 415, ("head and neck", "brachial plexus")),
        ("transthalamic plane", 3001, ("fetus", "fetal head", "fetal head transthalamic plane")),
        ("carotid artery longitudinal view", 4003, None),
    ],
)
def test_the_data_sets_at_hand_map_to_nodes_that_never_change(shipped, name, identity, path):
    index = shipped.find(name)
    assert shipped.nodes[index].id == identity
    assert path is None or shipped.path(index) == path


PATHOLOGY = re.compile(
    r"nodul|tumou?r|cancer|malign|benign|lesion|cyst|\bmass(es)?\b|rads|neoplas|metasta|polyp|plaque|stenos|thromb"
    r"|aneurysm|calcul|stone|effusion|o?edema|abscess|hernia|fractur|\btears?\b|cirrho|steato|fatty|fibros"
    r"|pneumo|covid|consolid|abnormal|normal|patholog|disease|disorder|syndrome|grade|\w+itis\b|\w{3,}oma\b"
)


@pytest.mark.parametrize(
    "word",
    ["thyroid nodule", "breast tumor", "BI-RADS 4", "cysts", "hepatitis", "fibroadenoma", "breast mass", "normal"],
)
def test_the_check_below_knows_a_pathology(word):
    assert PATHOLOGY.search(word.lower())


DIAGNOSIS = re.compile(
    r"cancer|malign|benign|rads|neoplas|metasta|hepatitis|cirrho|steato|normal|disease|grade|\w+itis\b"
    r"|\w{3,}oma\b"
)


@pytest.mark.parametrize("word", ["benign nodule", "BI-RADS 4", "fibroadenoma", "hepatitis", "breast cancer"])
def test_the_check_below_knows_a_diagnosis(word):
    assert DIAGNOSIS.search(word.lower())


def test_a_shipped_structure_may_be_a_lesion_but_no_diagnosis(shipped):
    names = [name.lower() for node in shipped.structures for name in (node.name, *node.synonyms)]
    assert any(PATHOLOGY.search(name) for name in names)
    assert [name for name in names if DIAGNOSIS.search(name)] == []


def test_shipped_structures_have_five_digits_and_stand_in_an_organ(shipped):
    for node in shipped.structures:
        assert 10000 <= node.id <= 99999
        assert str(node.id)[0] == str(shipped.lineage(node.id)[-1])
        assert len(shipped.lineage(node.id)) >= 3


def test_no_shipped_node_is_a_pathology(shipped):
    names = [name.lower() for node in shipped.nodes for name in (node.name, *node.synonyms)]
    assert [name for name in names if PATHOLOGY.search(name)] == []


def test_shipped_codes_have_the_form_of_their_system_and_name_one_node_each(shipped):
    for system, form in (("snomed_ct", r"[1-9]\d{5,17}"), ("radlex", r"RID[1-9]\d*")):
        codes = [node.codes[system] for node in (*shipped.nodes, *shipped.structures) if system in node.codes]
        assert codes
        assert [code for code in codes if not re.fullmatch(form, code)] == []
        assert len(set(codes)) == len(codes)


@pytest.mark.skipif(int(pydicom.__version__.split(".")[0]) < 3, reason="pydicom 2 has an older list of DICOM's codes")
def test_dicom_gives_each_shipped_snomed_code_a_like_name(shipped):
    meanings = {}
    for rows in concepts["SCT"].values():
        for code, (meaning, _) in rows.items():
            meanings.setdefault(code, []).append(meaning)
    coded = [node for node in (*shipped.nodes, *shipped.structures) if "snomed_ct" in node.codes]
    unlike = [
        node.name
        for node in coded
        if not words_of([node.name]) & words_of(meanings.get(node.codes["snomed_ct"], [])) - {"view", "structure", "of"}
    ]
    assert unlike == []
