//! The right halves of the single-byte character sets of DICOM (PS3.3 Table C.12-2).
//!
//! Each is 96 characters for the bytes A0 to FF; U+FFFD stands where the set has none.

/// The right half (A0 to FF) of ISO 8859-2.
pub(super) const LATIN_2: &str = concat!(
    "\u{a0}Ą˘Ł¤ĽŚ§",
    "¨ŠŞŤŹ\u{ad}ŽŻ",
    "°ą˛ł´ľśˇ",
    "¸šşťź˝žż",
    "ŔÁÂĂÄĹĆÇ",
    "ČÉĘËĚÍÎĎ",
    "ĐŃŇÓÔŐÖ×",
    "ŘŮÚŰÜÝŢß",
    "ŕáâăäĺćç",
    "čéęëěíîď",
    "đńňóôőö÷",
    "řůúűüýţ˙",
);
/// The right half (A0 to FF) of ISO 8859-3.
pub(super) const LATIN_3: &str = concat!(
    "\u{a0}Ħ˘£¤\u{fffd}Ĥ§",
    "¨İŞĞĴ\u{ad}\u{fffd}Ż",
    "°ħ²³´µĥ·",
    "¸ışğĵ½\u{fffd}ż",
    "ÀÁÂ\u{fffd}ÄĊĈÇ",
    "ÈÉÊËÌÍÎÏ",
    "\u{fffd}ÑÒÓÔĠÖ×",
    "ĜÙÚÛÜŬŜß",
    "àáâ\u{fffd}äċĉç",
    "èéêëìíîï",
    "\u{fffd}ñòóôġö÷",
    "ĝùúûüŭŝ˙",
);
/// The right half (A0 to FF) of ISO 8859-4.
pub(super) const LATIN_4: &str = concat!(
    "\u{a0}ĄĸŖ¤ĨĻ§",
    "¨ŠĒĢŦ\u{ad}Ž¯",
    "°ą˛ŗ´ĩļˇ",
    "¸šēģŧŊžŋ",
    "ĀÁÂÃÄÅÆĮ",
    "ČÉĘËĖÍÎĪ",
    "ĐŅŌĶÔÕÖ×",
    "ØŲÚÛÜŨŪß",
    "āáâãäåæį",
    "čéęëėíîī",
    "đņōķôõö÷",
    "øųúûüũū˙",
);
/// The right half (A0 to FF) of ISO 8859-9.
pub(super) const LATIN_5: &str = concat!(
    "\u{a0}¡¢£¤¥¦§",
    "¨©ª«¬\u{ad}®¯",
    "°±²³´µ¶·",
    "¸¹º»¼½¾¿",
    "ÀÁÂÃÄÅÆÇ",
    "ÈÉÊËÌÍÎÏ",
    "ĞÑÒÓÔÕÖ×",
    "ØÙÚÛÜİŞß",
    "àáâãäåæç",
    "èéêëìíîï",
    "ğñòóôõö÷",
    "øùúûüışÿ",
);
/// The right half (A0 to FF) of ISO 8859-15.
pub(super) const LATIN_9: &str = concat!(
    "\u{a0}¡¢£€¥Š§",
    "š©ª«¬\u{ad}®¯",
    "°±²³Žµ¶·",
    "ž¹º»ŒœŸ¿",
    "ÀÁÂÃÄÅÆÇ",
    "ÈÉÊËÌÍÎÏ",
    "ÐÑÒÓÔÕÖ×",
    "ØÙÚÛÜÝÞß",
    "àáâãäåæç",
    "èéêëìíîï",
    "ðñòóôõö÷",
    "øùúûüýþÿ",
);
/// The right half (A0 to FF) of ISO 8859-5.
pub(super) const CYRILLIC: &str = concat!(
    "\u{a0}ЁЂЃЄЅІЇ",
    "ЈЉЊЋЌ\u{ad}ЎЏ",
    "АБВГДЕЖЗ",
    "ИЙКЛМНОП",
    "РСТУФХЦЧ",
    "ШЩЪЫЬЭЮЯ",
    "абвгдежз",
    "ийклмноп",
    "рстуфхцч",
    "шщъыьэюя",
    "№ёђѓєѕії",
    "јљњћќ§ўџ",
);
/// The right half (A0 to FF) of ISO 8859-6.
pub(super) const ARABIC: &str = concat!(
    "\u{a0}\u{fffd}\u{fffd}\u{fffd}¤\u{fffd}\u{fffd}\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{60c}\u{ad}\u{fffd}\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}\u{61b}\u{fffd}\u{fffd}\u{fffd}\u{61f}",
    "\u{fffd}\u{621}\u{622}\u{623}\u{624}\u{625}\u{626}\u{627}",
    "\u{628}\u{629}\u{62a}\u{62b}\u{62c}\u{62d}\u{62e}\u{62f}",
    "\u{630}\u{631}\u{632}\u{633}\u{634}\u{635}\u{636}\u{637}",
    "\u{638}\u{639}\u{63a}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
    "\u{640}\u{641}\u{642}\u{643}\u{644}\u{645}\u{646}\u{647}",
    "\u{648}\u{649}\u{64a}\u{64b}\u{64c}\u{64d}\u{64e}\u{64f}",
    "\u{650}\u{651}\u{652}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
);
/// The right half (A0 to FF) of ISO 8859-7.
pub(super) const GREEK: &str = concat!(
    "\u{a0}‘’£€₯¦§",
    "¨©ͺ«¬\u{ad}\u{fffd}―",
    "°±²³΄΅Ά·",
    "ΈΉΊ»Ό½ΎΏ",
    "ΐΑΒΓΔΕΖΗ",
    "ΘΙΚΛΜΝΞΟ",
    "ΠΡ\u{fffd}ΣΤΥΦΧ",
    "ΨΩΪΫάέήί",
    "ΰαβγδεζη",
    "θικλμνξο",
    "πρςστυφχ",
    "ψωϊϋόύώ\u{fffd}",
);
/// The right half (A0 to FF) of ISO 8859-8.
pub(super) const HEBREW: &str = concat!(
    "\u{a0}\u{fffd}¢£¤¥¦§",
    "¨©×«¬\u{ad}®¯",
    "°±²³´µ¶·",
    "¸¹÷»¼½¾\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
    "\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}‗",
    "\u{5d0}\u{5d1}\u{5d2}\u{5d3}\u{5d4}\u{5d5}\u{5d6}\u{5d7}",
    "\u{5d8}\u{5d9}\u{5da}\u{5db}\u{5dc}\u{5dd}\u{5de}\u{5df}",
    "\u{5e0}\u{5e1}\u{5e2}\u{5e3}\u{5e4}\u{5e5}\u{5e6}\u{5e7}",
    "\u{5e8}\u{5e9}\u{5ea}\u{fffd}\u{fffd}\u{200e}\u{200f}\u{fffd}",
);
/// The right half (A0 to FF) of TIS 620-2533.
pub(super) const THAI: &str = concat!(
    "\u{a0}กขฃคฅฆง",
    "จฉชซฌญฎฏ",
    "ฐฑฒณดตถท",
    "ธนบปผฝพฟ",
    "ภมยรฤลฦว",
    "ศษสหฬอฮฯ",
    "ะ\u{e31}าำ\u{e34}\u{e35}\u{e36}\u{e37}",
    "\u{e38}\u{e39}\u{e3a}\u{fffd}\u{fffd}\u{fffd}\u{fffd}฿",
    "เแโใไๅๆ\u{e47}",
    "\u{e48}\u{e49}\u{e4a}\u{e4b}\u{e4c}\u{e4d}\u{e4e}๏",
    "๐๑๒๓๔๕๖๗",
    "๘๙๚๛\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
);
