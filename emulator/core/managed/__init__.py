"""Who manages which field: server-side apply (sigs.k8s.io/structured-merge-diff), as functions.

fields   sets of fields, and how managedFields and errors write them
typed    what the tables of types say of a value: its fields, what two values differ in, merging, taking fields out
owners   the managers of an object, before and after an update or an apply
"""
