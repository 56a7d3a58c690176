#!/usr/bin/env bash
# Makes test-data for `planemo test`: a simulated sample of some hundred kilobytes. Nothing of it is kept in the repository.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
pileup-filter simulate --output test-data --length 5000 --seed 3
