"""Talking to processes of other OS users: messages, open files, and jobs for a runner."""
