"""Folders: short, the same again, and never two jobs in one."""

from fastfcn.sweeping.naming import LONGEST, folder_name, split_override, varied_keys


def test_a_row_of_a_table_has_a_folder_for_each_seed() -> None:
    job = {"experiment": "upsampling", "row": "jpu", "seed": "1", "data": "camvid", "recipe.epochs": "3"}
    assert folder_name(job, ["row", "seed"]) == "jpu/seed1"
    assert folder_name({"row": "jpu"}, []) == "jpu/seed0"
    assert folder_name(job, ["row", "seed", "recipe.epochs"]) == "jpu/seed1,recipe.epochs=3"


def test_other_sweeps_are_named_by_what_varies() -> None:
    jobs = [{"model": name, "seed": "0", "recipe.lr": "1"} for name in ("psp_jpu", "fcn_jpu")]
    assert varied_keys({"seed"}, jobs) == ["model", "seed"]
    assert [folder_name(job, ["model", "seed"]) for job in jobs] == ["model=psp_jpu,seed=0", "model=fcn_jpu,seed=0"]
    assert folder_name(jobs[0], []) == "run"


def test_names_that_no_file_system_takes_are_shortened_apart() -> None:
    names = {folder_name({"a": value}, ["a"]) for value in ("x/y", "x:y", "x" * 300, "x" * 301, "x_y")}
    assert len(names) == 5
    assert all("/" not in name and len(name) <= LONGEST + 9 for name in names)
    assert folder_name({"row": "jpu", "seed": "../../x"}, []).startswith("jpu/seed.._.._x-")


def test_overrides_split_at_the_first_equals_sign() -> None:
    assert split_override("++data.tags={a:b=c}") == ("data.tags", "{a:b=c}")
