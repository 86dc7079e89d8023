"""The graph for people and other programs: text, JSON, Graphviz, SVG."""
