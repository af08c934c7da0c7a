"""One file a change, each named by its number; `down_revision` names the one before."""
