# Completion of customer-import for bash.
_customer_import() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local commands='status rejected skipped undo retry cancel resume export roles'
    local options='--mode --preview --background --follow --delimiter --encoding --columns --role-columns --unknown-roles
        --strict --keep-damaged --reject-limit --reject-percent --rejected --file-name --no-report --request-id --output
        --dbname --host --port --username --no-password --password --act-as --patience --json --csv --limit --quiet --spreadsheet
        --help --version'
    case $before in
        -m | --mode) mapfile -t COMPREPLY < <(compgen -W 'create-and-update create-only update-only' -- "$word") ;;
        --unknown-roles) mapfile -t COMPREPLY < <(compgen -W 'reject create' -- "$word") ;;
        -o | --output | --rejected) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
        *)
            if [[ $word == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
            else
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                ((COMP_CWORD > 1)) || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$commands" -- "$word")
            fi
            ;;
    esac
}
complete -o filenames -F _customer_import customer-import
