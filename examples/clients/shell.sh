#!/bin/sh
# Imports a file with the command line: shell.sh FILE REJECTED_FILE. PGHOST and its like name the server.
set -eu
file=$1 rejected=$2
mode=create-and-update

# Status 3: it would be done, or is done, and records are rejected.
customer-import "$file" --mode "$mode" --preview || [ $? -eq 3 ]

# It returns when the import is queued.
queued=$(customer-import "$file" --mode "$mode" --background --json)
import=$(printf '%s' "$queued" | sed -n 's/.*"import_id": *\([0-9]*\).*/\1/p')

# Shows how far it is, and in the end the counts and the first issues.
customer-import status "$import" --follow || [ $? -eq 3 ]
customer-import rejected "$import" -o "$rejected"
customer-import undo "$import"
