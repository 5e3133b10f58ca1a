"""The programs of the xgboost image: AWS's contract for its XGBoost algorithm, and nothing else."""
