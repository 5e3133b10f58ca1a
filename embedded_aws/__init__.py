"""AWS on one machine: moto, adapters for what it leaves out, SageMaker jobs and Lambda that run.

`python -m embedded_aws --state DIR` starts it, empty, behind one port on 127.0.0.1. It knows
nothing of the application that is deployed to it.
"""
