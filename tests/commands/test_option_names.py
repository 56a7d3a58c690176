"""One name for one thing: where the output goes is -o/--output in every command; the earlier --out still works."""

import pytest

from vcffilter.commands.main import main, run


def options_of(name):
    command = main.get_command(None, name)
    return [option for option in command.params if getattr(option, "opts", None)]


def test_output_has_one_name_in_every_command():
    spelled = {name: option.opts for name in main.list_commands(None) for option in options_of(name) if "-o" in option.opts}
    assert {"filter", "label", "calibrate", "simulate", "demo"} <= set(spelled)
    assert {name: opts for name, opts in spelled.items() if opts != ["-o", "--output"]} == {}


@pytest.mark.parametrize("name", ["calibrate", "simulate", "demo"])
def test_the_earlier_name_is_understood_but_not_shown(name, capsys):
    assert run([name, "--help"]) == 0
    assert "--out " not in capsys.readouterr().out
    arguments = ["--out", "place", *(["calls.vcf"] if name == "calibrate" else [])]
    parsed = main.get_command(None, name).make_context(name, arguments).params
    assert parsed["output" if name == "calibrate" else "directory"] == "place"
