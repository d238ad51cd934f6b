"""The presenter's page of the class vote."""
