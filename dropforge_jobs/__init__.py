"""What the scripts of SageMaker jobs share; `dropforge publish` bundles it with them.

Images carry older Pythons and none of our other packages, so nothing here needs a newer Python than
3.9, imports anything else of ours, or does anything on import.
"""
