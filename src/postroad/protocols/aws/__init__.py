"""What the AWS services share on the wire: errors, signatures, the Query form, XML answers.

Nothing here knows a service's actions.
"""
