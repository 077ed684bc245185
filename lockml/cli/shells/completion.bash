# lockml's completion for bash. Words that bash splits at ":" and "=" are whole for lockml, which gets the line itself.

_lockml_completion() {
    local kind value help
    COMPREPLY=()
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            file) compopt -o default 2>/dev/null ;;
            dir) compopt -o dirnames -o filenames 2>/dev/null ;;
            open)
                compopt -o nospace 2>/dev/null
                COMPREPLY+=("$value")
                ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done < <(
        _LOCKML_COMPLETE=bash _LOCKML_LINE="${COMP_LINE:0:COMP_POINT}" _LOCKML_BREAKS="$COMP_WORDBREAKS" \
            "${1/#\~/$HOME}" 2>/dev/null
    )
}

# bash 3.2, which macOS has, knows neither nosort nor compopt: it completes files where nothing else fits
complete -o nosort -F _lockml_completion lockml 2>/dev/null || complete -o default -F _lockml_completion lockml
