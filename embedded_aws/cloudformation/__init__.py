"""What the embedded AWS's CloudFormation takes, and how it reads a template."""
