#!/bin/sh
# A program in the worker's place: takes its input and says what lies beside the link that it was
# started by. It lies in the repository, for a script that is written while another thread starts a
# process may be busy.
place=${0%/*}
echo started >> "$place/starts"
/bin/cat "$place/hello"
/bin/cat > /dev/null
/bin/cat "$place/answer"
read -r code < "$place/code"
exit "$code"
