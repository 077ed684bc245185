from lockml.common.errors import LockmlError, PackageIndexError, Setting, Wording


def test_settings_are_named_as_whoever_shows_the_error_gives_them() -> None:
    error = LockmlError("page", Wording("is not here, and ", Setting("offline"), " was asked for"))
    assert error.worded("--{}".format) == "page: is not here, and --offline was asked for"
    assert str(error) == "page: is not here, and offline was asked for"


def test_text_of_others_in_a_wording_is_no_setting() -> None:
    assert Wording("{0} --x ", Setting("path")).worded(str.upper) == "{0} --x PATH"


def test_error_with_its_line_keeps_how_settings_are_named() -> None:
    error = PackageIndexError("page", "no answer", hint=Wording("check the ", Setting("index-url"))).at("a.in:1")
    assert isinstance(error.hint, Wording)
    assert str(error) == "a.in:1: page: no answer"
