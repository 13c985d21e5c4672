"""`trine serve`: an OpenAI-style HTTP server for a board. Option names are llama.cpp's."""

import logging
import sys
from pathlib import Path

from .common import add_device, add_model, load_model, loaded_board, number

__all__ = ["add_arguments", "run"]

HELP = "serve texts over HTTP, OpenAI style"


def add_arguments(parser):
    """Add the command's options."""
    add_model(parser)
    parser.add_argument("-a", "--alias", metavar="NAME", default=None,
                        help="the model's name for clients (default: the one in its file)")
    parser.add_argument("--host", metavar="ADDRESS", default="127.0.0.1",
                        help="address to listen on; nobody is asked for a password (default: "
                             "%(default)s, this machine alone)")
    parser.add_argument("--port", metavar="N", type=number(int, 0, 65535), default=8080,
                        help="port to listen on; 0 takes a free one (default: %(default)s)")
    parser.add_argument("--queue", metavar="N", type=number(int, 0, 4096), default=64,
                        help="texts that may wait for a slot (default: %(default)s)")
    parser.add_argument("--max-prompt", metavar="N", type=number(int, 1, 1 << 20), default=2048,
                        help="tokens of a prompt at most (default: %(default)s)")
    parser.add_argument("--max-tokens", metavar="N", type=number(int, 1, 1 << 20), default=4096,
                        help="tokens of a text at most (default: %(default)s)")
    parser.add_argument("-v", "--verbose", action="store_true",
                        help="print a line for each request")
    add_device(parser, preset="ulx3s-8")


def _framework():
    """Return what needs the web framework: ``make_app`` and the module ``server``."""
    try:
        from trine.host.serving import server
        from trine.host.serving.app import make_app
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise ModuleNotFoundError("Serving needs Starlette and uvicorn, which are not installed; "
                                  "run make serve, or pip install 'trine[serve]'") from error
    return make_app, server


def _name(args, model):
    return args.alias or model.card.get("name") or Path(args.model).stem


def run(args):
    """Carry out the command; return the exit code."""
    make_app, server = _framework()
    from trine.host.serving.completion_request import Limits
    from trine.host.serving.worker import Worker

    # How it starts and ends is said below.
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    if args.verbose:
        logging.basicConfig(level=logging.INFO, format="%(message)s")
    with server.listen(args.host, args.port) as listener:
        model = load_model(args)
        name = _name(args, model)
        with loaded_board(args, model) as board, Worker(board, model, args.queue) as worker:
            limits = Limits(max_prompt=args.max_prompt, max_tokens=args.max_tokens,
                            texts=worker.slots + worker.queue)
            app = make_app(worker, name, limits)
            host, port, *_ = listener.getsockname()
            host = f"[{host}]" if ":" in host else host
            slots = "one slot" if worker.slots == 1 else f"{worker.slots} slots"
            print(f"{name} on {board.transport.name}, {slots}: http://{host}:{port}/v1 "
                  "(Ctrl-C ends)", file=sys.stderr, flush=True)
            server.run(server.make_server(app, worker, verbose=args.verbose), listener)
    print("stopped", file=sys.stderr)
    return 0
