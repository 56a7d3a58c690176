"""An HTTP API over the product's own scoring: uploads, alleles and pictures. Must not know how anything is computed."""
