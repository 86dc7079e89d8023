"""The topology plugin of vmon: how processors, accelerators and network cards are connected."""
