"""Containment of one type in another: is every value of the narrower a value of the wider, and if not, which one is it?

`_decide` is the door; `_search` walks goals; one module per kind of value settles what is left when unions, intersections and
references are gone.
"""
