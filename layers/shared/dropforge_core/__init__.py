"""What the functions and the tool share: names, contracts, the pipeline file, the ledger."""
