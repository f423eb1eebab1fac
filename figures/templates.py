"""Pages made of Jinja2 templates."""
import jinja2
from markupsafe import Markup


def environment(folder):
    """Jinja2's environment of the templates in a folder: names that are not given are errors."""
    return jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True,
                              trim_blocks=True, undefined=jinja2.StrictUndefined)


def as_it_is(templates, name):
    """The text of a file beside the templates of an environment, which is not escaped."""
    return Markup(templates.loader.get_source(templates, name)[0])
