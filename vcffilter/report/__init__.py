"""One page about a filtered call set, made in one pass in bounded memory. Knows no network; reads only to draw them."""
