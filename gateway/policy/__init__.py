"""Pure: policy files, rules, rulings, without I/O."""
