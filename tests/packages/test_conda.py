"""The conda recipe, rendered by rattler-build for the platforms that it names; channels cannot be reached, so it is not built."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib

import pytest
from packaged import ROOT, tool_python

from vcffilter.version import __version__

_RENDER = """
import json, sys
import rattler_build as rattler
recipe = rattler.Stage0Recipe.from_file(sys.argv[1])
platform = rattler.PlatformConfig(target_platform=sys.argv[2], host_platform=sys.argv[2])
found = recipe.render(rattler.VariantConfig(), rattler.RenderConfig(platform=platform))
print(json.dumps([one.recipe.to_dict() for one in found], default=str))
"""
#: Names that differ from the distribution's on PyPI.
_ON_CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


@pytest.fixture(scope="module", params=["linux-64", "linux-aarch64", "osx-arm64"])
def outputs(request):
    words = [tool_python(), "-c", _RENDER, ROOT / "packaging" / "conda" / "recipe.yaml", request.param]
    return {
        one["package"]["name"]: one
        for one in json.loads(subprocess.run(words, check=True, capture_output=True, text=True, cwd="/").stdout)
    }


def test_it_renders_with_what_bioconda_asks_for(outputs):
    assert set(outputs) == {"vcffilter-base", "vcffilter"}
    for name, one in outputs.items():
        assert one["package"]["version"] == __version__
        assert one["build"]["noarch"] == ("python" if name.endswith("base") else "generic")
        (pin,) = one["requirements"]["run_exports"]["weak"]
        assert (pin["pin_subpackage"]["name"], pin["pin_subpackage"]["upper_bound"]) == (name, "x.x")
        assert one["tests"]
        assert one["about"]["license"] == "MIT"
        assert one["extra"]["additional-platforms"] == ["linux-aarch64", "osx-arm64"]
    assert any(str(word).startswith("pytorch-cpu ") for word in outputs["vcffilter"]["requirements"]["run"])


def test_it_needs_what_the_wheel_needs(outputs):
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wheel = [*declared["dependencies"], *declared["optional-dependencies"]["report"]]
    names = {re.match(r"[\w-]+", text)[0]: text for text in wheel}
    wanted = {_ON_CONDA.get(name, name) + " " + text.removeprefix(name) for name, text in names.items()}
    there = set(outputs["vcffilter-base"]["requirements"]["run"])
    assert wanted | {f"python {declared['requires-python']}"} == there
    assert outputs["vcffilter-base"]["build"]["python"]["entry_points"] == [
        f"{name} = {value}" for name, value in declared["scripts"].items()
    ]


def test_identifiers_are_terms_of_edam(outputs):
    (table,) = (ROOT / tool_python()).parents[1].glob("lib/python*/site-packages/edam_ontology/EDAM.tsv")
    terms = table.read_text()
    names = {"edam:operation_3675": "Variant filtering", "edam:operation_3227": "Variant calling"}
    assert set(outputs["vcffilter"]["extra"]["identifiers"]) == set(names)
    for identifier, name in names.items():
        assert re.search(rf"{identifier.removeprefix('edam:')}\t{name}", terms), identifier
