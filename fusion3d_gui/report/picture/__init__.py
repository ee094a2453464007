"""Pictures of a case as arrays and as SVG: planes through a position, plain and under the heat."""
