#!/usr/bin/env bash
# Makes what a release uploads, from the tracked files of this tree: sdist, the wheel built from that sdist, the MultiQC plugin's wheel,
# an SBOM of what the wheel brings into a clean environment, and the hashes of all of them.
# usage: packaging/release.sh [OUT=dist] [ENVIRONMENT=.venv-wheel]
# ENVIRONMENT is made anew and keeps the installed wheel, for tests; where TORCH_FROM names an environment, its torch is linked there.
# build, twine and cyclonedx-py must be on PATH (make test-packages has them). The same commit gives the same bytes of sdist and wheels.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=$(realpath -m "${1:-dist}")
environment=$(realpath -m "${2:-.venv-wheel}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/source" "$out"
rm -f "$out"/*.whl "$out"/*.tar.gz "$out"/*.cdx.json "$out/SHA256SUMS"
git ls-files -z | tar --null -T - -c | tar -x -C "$work/source"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
# The Python that has build and twine is the one of cyclonedx-py.
python=$(sed -n '1s/^#!//p' "$(command -v cyclonedx-py)")
build() { "$python" -m build --no-isolation --outdir "$out" "$@" > "$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }; }
build "$work/source"
build --wheel "$work/source/packaging/multiqc"
"$python" -m twine check --strict "$out"/*.whl "$out"/*.tar.gz
.ci/make-venv "$environment"
[ -z "${TORCH_FROM:-}" ] || .ci/share-torch "$TORCH_FROM" "$environment"
.ci/pip-install "$environment" "$out"/vcffilter-*.whl
"$environment/bin/python" -m pip check
cyclonedx-py environment --output-reproducible --of JSON -o "$work/all.json" "$environment/bin/python"
"$python" packaging/sbom.py "$work/all.json" "$out"/vcffilter-*.whl "$out/$(basename "$out"/vcffilter-*.whl .whl).cdx.json"
(cd "$out" && sha256sum -- *.tar.gz *.whl *.cdx.json > SHA256SUMS && cat SHA256SUMS)
