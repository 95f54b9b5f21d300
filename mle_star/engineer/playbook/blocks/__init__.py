"""The blocks of playbook scripts: functions from the facts of a task to source code."""
