"""The sandbox plugin of vmon.

Nothing is imported here: the launcher of the workers starts from this package without any site-packages.
"""
