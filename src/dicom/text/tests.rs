//! Character sets: what is declared is read, what is not is marked.

use super::*;

fn read(bytes: &[u8], declared: &str) -> (String, bool) {
    let shown = decode(bytes, declared.as_bytes());
    (shown.text, shown.guessed)
}

#[test]
fn every_table_has_the_96_characters_of_a_right_half() {
    let tables = [
        tables::LATIN_2,
        tables::LATIN_3,
        tables::LATIN_4,
        tables::LATIN_5,
        tables::LATIN_9,
        tables::CYRILLIC,
        tables::ARABIC,
        tables::GREEK,
        tables::HEBREW,
        tables::THAI,
    ];
    assert!(tables.iter().all(|table| table.chars().count() == 96));
}

#[test]
fn names_are_read_in_the_declared_set() {
    let cases: [(&[u8], &str, &str); 9] = [
        (b"Buc^J\xe9r\xf4me", "ISO_IR 100", "Buc^Jérôme"),
        (b"\xc4ne^\xb3", "ISO_IR 101", "Äne^ł"),
        (b"\xbb\xee\xda\xe1", "ISO_IR 144", "Люкс"),
        (b"\xd4\xcf\xc0\xde", "ISO_IR 13", "ﾔﾏﾀﾞ"),
        (b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "ISO_IR 126", "Διονυσιος"),
        (b"\xf9\xf8\xe5\xef", "ISO_IR 138", "שרון"),
        (b"\xe2\xc8\xc7\xe6\xea", "ISO_IR 127", "قباني"),
        (b"\xc9\xde\xfd", "ISO_IR 148", "ÉŞı"),
        ("Wang^小东".as_bytes(), "ISO_IR 192", "Wang^小东"),
    ];
    for (bytes, declared, expected) in cases {
        assert_eq!(read(bytes, declared), (expected.to_owned(), false), "{declared}");
    }
}

#[test]
fn what_the_declaration_does_not_explain_is_a_marked_guess() {
    // H26: missing, wrong, empty first value, unknown terms.
    assert_eq!(read("Jérôme".as_bytes(), ""), ("Jérôme".to_owned(), true));
    assert_eq!(read(b"J\xe9r\xf4me", ""), ("Jérôme".to_owned(), true));
    assert_eq!(read(b"J\xe9r", "ISO_IR 192"), ("Jér".to_owned(), true));
    assert_eq!(read(b"J\xe9r", "ISO 2022 IR 6, IS"), ("Jér".to_owned(), true));
    assert!(read(b"\xb0\xa1", "\\ISO 2022 IR 149").1);
    assert!(read(b"\xa5", "ISO_IR 109").1, "a hole of the table");
    assert_eq!(read(b"DOE^JANE ", "nonsense"), ("DOE^JANE".to_owned(), false));
    assert_eq!(decode(b"J\xe9r", b"").marked(), "Jér (?)");
}

#[test]
fn code_extensions_among_single_byte_sets_are_followed_and_end_at_delimiters() {
    let declared = "ISO 2022 IR 6\\ISO 2022 IR 144\\ISO 2022 IR 126";
    let bytes = b"A\x1b-L\xbb^B\x1b-F\xc4";
    assert_eq!(read(bytes, declared), ("AЛ^BΔ".to_owned(), false));
    // Behind the delimiter the first set is back: it has no right half.
    assert!(read(b"\x1b-L\xbb^\xbb", declared).1);
    let japanese = read(b"\x1b$B;3\x1b(B", "\\ISO 2022 IR 87");
    assert!(japanese.1 && !japanese.0.contains('\x1b'));
}

#[test]
fn nothing_that_is_shown_can_move_a_cursor() {
    assert_eq!(read(b"A\r\nB\x07\x1b[2J", "ISO_IR 100").0, "A  B[2J");
}

#[test]
fn person_names_are_shown_family_name_first() {
    assert_eq!(person_name("DOE^JANE^M^DR"), "DOE, JANE M DR");
    assert_eq!(person_name("^^=王^小东"), "王, 小东");
    assert_eq!(person_name("^JANE"), "JANE");
    assert_eq!(person_name(""), "");
}

proptest::proptest! {
    #[test]
    fn any_bytes_become_a_text_without_control_characters(
        bytes: Vec<u8>,
        declared in "(ISO_IR|ISO 2022 IR) (6|13|87|100|101|144|166|192)(\\\\ISO 2022 IR (87|144))?",
    ) {
        let shown = decode(&bytes, declared.as_bytes());
        proptest::prop_assert!(!shown.text.chars().any(char::is_control));
    }
}
