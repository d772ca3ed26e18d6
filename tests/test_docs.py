"""What the documentation says is what the software does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stalegrid.listing import scenario_facts
from stalegrid.protocols.config import AXES
from stalegrid.protocols.presets import ABOUT, NOT_YET, PRESETS, resolve
from stalegrid.story import HAZARD_WORDS
from stalegrid.world.audit.anomalies import ANOMALIES, LEVELS
from stalegrid.world.scenarios import SCENARIOS
from stalegrid.world.verbs import DEPENDS, PREMISES, SITE_KINDS, VERBS, WRITES

from .test_cli import stalegrid

ROOT = Path(__file__).parent.parent
EXAMPLES = ("quickstart", "custom_protocol", "two_agents", "thoughts")
PAGES = sorted((ROOT / "docs").rglob("*.md")) + [ROOT / "README.md"]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def table(head, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ("---",) * len(head), *rows))


def verb_table():
    rows = [
        (f"`{v.name}`", SITE_KINDS[v.kind], PREMISES[v.premise], WRITES[v.writes], DEPENDS[v.depends], v.inverse or "-")
        for v in VERBS
    ]
    return table(("verb", "kind", "premise over the inputs", "writes", "rests also on", "undone by"), rows)


def axes_table():
    rows = [(f"`{name}`", a.question, ", ".join(a.values), ", ".join(a.later) or "-") for name, a in AXES.items()]
    return table(("axis", "question", "values", "not available yet"), rows)


def preset_table():
    def differs(name):
        found = resolve(name).differences().items()
        return "; ".join(f"{axis} = {'+'.join(v) if isinstance(v, tuple) else v}" for axis, v in found) or "nothing"

    def excludes(name):
        return ", ".join(sorted(HAZARD_WORDS[hazard] for hazard in resolve(name).guarantees)) or "-"

    rows = [(f"`{name}`", ABOUT[name], differs(name), excludes(name)) for name in PRESETS]
    return table(("preset", "what it is", "differs from `none` by", "rules out"), rows)


def level_table():
    forbidden = [(name, [row.name for row in ANOMALIES.values() if row.forbidden_from == name]) for name in LEVELS]
    return table(("level", "forbids also"), [(name, ", ".join(names)) for name, names in forbidden])


def anomaly_table():
    rows = [
        (row.name, row.sentence, row.forbidden_from, ", ".join(row.case_of) or "-", row.source)
        for row in ANOMALIES.values()
    ]
    return table(("anomaly", "what it is", "forbidden from", "is also", "source"), rows)


def printed(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "80"}
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return "\n".join(line.rstrip() for line in done.stdout.strip("\n").split("\n")) + "\n"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_prints_what_stands_beside_it(name):
    assert printed(str(ROOT / "examples" / f"{name}.py")) == read(f"examples/{name}.out")


def test_the_readme_shows_the_quick_start_and_its_output():
    readme, source = read("README.md"), read("examples/quickstart.py")
    code = source.split('"""', 2)[2].strip()
    assert f"```python\n{code}\n```" in readme
    assert f"```text\n{read('examples/quickstart.out')}```" in readme


def test_the_readme_shows_what_compare_prints():
    wanted = printed("-m", "stalegrid", "compare")
    assert f"```text\n{wanted}```" in read("README.md"), f"README.md wants:\n{wanted}"


@pytest.mark.long
def test_the_readme_shows_what_check_cures_prints():
    wanted = printed("-m", "stalegrid", "check", "cures")
    assert f"```text\n{wanted}```" in read("README.md"), f"README.md wants:\n{wanted}"


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_page_of_a_scenario_is_what_list_prints(name):
    told = f"docs/scenarios/{name}.md is old: stalegrid list {name} --markdown > docs/scenarios/{name}.md"
    assert read(f"docs/scenarios/{name}.md") == scenario_facts(name, "small") + "\n", told


@pytest.mark.parametrize("made", [verb_table, axes_table, preset_table])
def test_a_table_of_the_semantics_is_the_codes(made):
    assert made() in read("docs/semantics.md"), f"docs/semantics.md wants:\n{made()}"


@pytest.mark.parametrize("made", [level_table, anomaly_table])
def test_a_table_of_the_audit_is_the_codes(made):
    assert made() in read("docs/audit.md"), f"docs/audit.md wants:\n{made()}"


def test_the_example_of_the_audit_prints_what_stands_beside_it(tmp_path):
    page = read("docs/audit.md")
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    (tmp_path / "bank.jsonl").write_text(" ".join(example.split()) + "\n", encoding="utf-8")
    said = stalegrid("audit", str(tmp_path / "bank.jsonl")).stdout.strip("\n")
    wanted = "\n".join(line.rstrip() for line in said.split("\n"))
    assert f"```text\n{wanted}\n```" in page, f"docs/audit.md wants:\n{wanted}"


def test_the_semantics_name_every_preset_that_is_still_to_come():
    text = read("docs/semantics.md")
    assert [name for name in NOT_YET if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


CODED = ["trainers", "learning", "add-a-protocol", "audit", "seeing"]


@pytest.mark.parametrize("page", [f"docs/{name}.md" for name in CODED])
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    text = read(page)
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(compile(block, page, "exec"), names)
