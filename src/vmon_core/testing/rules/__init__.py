"""The rules of the contract, in the order in which a plugin meets them."""
