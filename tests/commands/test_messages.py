"""Messages stay short and hold nothing that a terminal takes for a command, whatever a file puts into them."""

from vcffilter.commands.main import run


def test_letters_and_length_of_a_message(tmp_path, capfd):
    bed = tmp_path / "regions.bed"
    bed.write_text("chr1\t\x1b[2J" + "9" * 5000 + "x\t7\n")
    assert run(["filter", "calls.vcf", "-b", "x", "-f", "x", "-T", str(bed), "-o", str(tmp_path / "o.vcf")]) == 1
    message = capfd.readouterr().err
    assert "\x1b" not in message
    assert len(message) < 1700
