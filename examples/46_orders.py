"""An order is paid for and its goods are reserved, at once; it is shipped when both are done."""

from postroad import App, Rejected, Rejection

app = App()
orders = app.workflow("orders")
stock = {"tea": 2, "coffee": 1}
paid: dict[str, int] = {}
shipped: list[str] = []


@orders.step(concurrency=5)
def pay(order: dict[str, str]) -> int:
    """Take the money; the order's number is the key that the bank knows it by."""
    return paid.setdefault(order["id"], 1_999)


@orders.step(concurrency=5)
def reserve(order: dict[str, str]) -> str | Rejection:
    """Set the goods aside; what is not there cannot be."""
    if not stock[order["item"]]:
        return Rejection(f"no {order['item']} left")
    stock[order["item"]] -= 1
    return order["item"]


@orders.step(after=[orders.input, pay, reserve])
def ship(order: dict[str, str], cents: int, item: str) -> str:
    """Schedule the pickup."""
    shipped.append(order["id"])
    return f"{item} for {cents / 100:.2f}"


@orders.rejected
def undo(rejected: Rejected) -> None:
    """Give the money back, where it was taken."""
    back = paid.pop(rejected.id, None)
    print(f"{rejected.id}: {rejected.reason}, {back} cents given back")


with app.test():
    for at, item in enumerate(["tea", "coffee", "tea"]):
        flow = orders.start(f"order {at}", {"id": f"order {at}", "item": item}, result=True)
        print(f"order {at}:", flow.result(5))
    orders.start("order 3", {"id": "order 3", "item": "tea"})
print("paid:", sorted(paid), "shipped:", shipped)
