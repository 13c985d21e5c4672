// The simulated board as a C library: a byte pipe to a Verilated `simulated_board`, run in C++.
//
// Ports of the module: clk, rx (bytes from the host: payload, valid, ready), tx (bytes to the
// host), violations (count of violated SDRAM timings), and activity (what the units do), which a
// stand-in may lack. One byte may pass each way every cycle.

#include "Vsimulated_board.h"
#include "Vsimulated_board___024root.h"
#include "verilated.h"
#if VM_TRACE
#include "verilated_vcd_c.h"
#endif

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

// Verilator spells "__" in a name as "___05F".
#define PORT(stream, field) stream##___05F##field
#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

// Bytes in order of arrival; a vector with a moving head, cheaper in the loop than a deque.
class Queue {
    std::vector<uint8_t> bytes;
    size_t head = 0;

public:
    size_t size() const { return bytes.size() - head; }
    uint8_t front() const { return bytes[head]; }
    void push(uint8_t byte) { bytes.push_back(byte); }
    void push(const uint8_t* data, size_t count) { bytes.insert(bytes.end(), data, data + count); }

    void pop() {
        if (++head == bytes.size()) {
            bytes.clear();
            head = 0;
        }
    }

    size_t pop(uint8_t* data, size_t count) {
        if (count > size()) count = size();
        if (count == 0) return 0;
        std::memcpy(data, bytes.data() + head, count);
        bytes.erase(bytes.begin(), bytes.begin() + head + count);
        head = 0;
        return count;
    }
};

template <class Top> auto activity_of(const Top& top, int) -> decltype(uint64_t(top.activity)) {
    return top.activity;
}
template <class Top> uint64_t activity_of(const Top&, long) { return 0; }

// Puts bytes into the SDRAM chip as if they had been written; false where there is no chip, or it
// is too small. A beat's low byte comes first, as in this machine's memory.
#define CHIP(name) root.simulated_board__DOT__top__DOT__chip__DOT__chip__DOT__##name
template <class Root>
auto load_chip(Root& root, const uint8_t* data, uint64_t count, int) -> decltype(CHIP(mem), true) {
    auto& written = CHIP(written).m_storage;
    const uint64_t size = sizeof CHIP(mem).m_storage;
    const uint64_t row = size / (sizeof written / sizeof written[0]);
    if (count > size) return false;
    std::memcpy(CHIP(mem).m_storage, data, count);
    for (uint64_t n = 0; n * row < count; ++n) written[n] = 1;
    return true;
}
template <class Root> bool load_chip(Root&, const uint8_t*, uint64_t, long) { return false; }

}  // namespace

struct Board {
    VerilatedContext context;
    std::unique_ptr<Vsimulated_board> top;
    Queue to_board, to_host;
    uint64_t cycles = 0;
    bool recording = false;
    std::vector<uint64_t> record;
#if VM_TRACE
    std::unique_ptr<VerilatedVcdC> vcd;
    uint64_t trace_from = 0, trace_to = 0;
#endif

    Board() {
#if VM_TRACE
        context.traceEverOn(true);
#endif
        top = std::make_unique<Vsimulated_board>(&context, "board");
        top->PORT(tx, ready) = 1;  // the queue to the host has no end
        top->clk = 0;
        top->eval();
    }

    ~Board() {
        trace_close();
        top->final();
    }

    // One half of a clock cycle. Outputs that depend on inputs are valid while the clock is low.
    void half(int level) {
        top->clk = level;
        top->eval();
#if VM_TRACE
        if (vcd && cycles >= trace_from && cycles < trace_to) {
            vcd->dump(10 * cycles + 5 * level);
        }
#endif
    }

    uint64_t run(uint64_t max_cycles, uint64_t until_available) {
        uint64_t count = 0;
        for (; count < max_cycles && to_host.size() < until_available; ++count) {
            const bool offer = to_board.size() != 0;
            top->PORT(rx, valid) = offer;
            if (offer) top->PORT(rx, payload) = to_board.front();
            half(0);
            if (offer && top->PORT(rx, ready)) to_board.pop();
            if (top->PORT(tx, valid)) to_host.push(top->PORT(tx, payload));
            if (recording) record.push_back(activity_of(*top, 0));
            half(1);
            ++cycles;
        }
        return count;
    }

    bool trace_open(const char* path, uint64_t from, uint64_t to) {
#if VM_TRACE
        trace_close();
        vcd = std::make_unique<VerilatedVcdC>();
        top->trace(vcd.get(), 99);
        vcd->open(path);
        trace_from = from;
        trace_to = to;
        if (vcd->isOpen()) return true;
        vcd.reset();
#endif
        return false;
    }

    void trace_close() {
#if VM_TRACE
        if (vcd) vcd->close();
        vcd.reset();
#endif
    }
};

EXPORT Board* board_create() { return new Board; }
EXPORT void board_destroy(Board* board) { delete board; }

// Queue bytes for the board.
EXPORT void board_write(Board* board, const uint8_t* data, uint64_t count) {
    board->to_board.push(data, count);
}

// Take at most `count` bytes that the board sent; returns how many.
EXPORT uint64_t board_read(Board* board, uint8_t* data, uint64_t count) {
    return board->to_host.pop(data, count);
}

// Bytes that the board sent and nobody took; bytes that it has not accepted yet.
EXPORT uint64_t board_available(const Board* board) { return board->to_host.size(); }
EXPORT uint64_t board_pending(const Board* board) { return board->to_board.size(); }

// Run until `until_available` bytes wait for the host, `max_cycles` at most; returns the cycles.
EXPORT uint64_t board_run(Board* board, uint64_t max_cycles, uint64_t until_available) {
    return board->run(max_cycles, until_available);
}

EXPORT uint64_t board_cycles(const Board* board) { return board->cycles; }
EXPORT uint32_t board_violations(const Board* board) { return board->top->violations; }

// Put bytes to the start of the SDRAM chip, past all gateware; false where that is not possible.
EXPORT bool board_load(Board* board, const uint8_t* data, uint64_t count) {
    return load_chip(*board->top->rootp, data, count, 0);
}

// Record the activity of every cycle from now on, or stop and forget what was recorded.
EXPORT void board_record(Board* board, bool on) {
    board->recording = on;
    if (!on) board->record = {};
}
// What was recorded, one number for each cycle; valid until the board runs on.
EXPORT uint64_t board_recorded(const Board* board) { return board->record.size(); }
EXPORT const uint64_t* board_record_data(const Board* board) { return board->record.data(); }

// Write cycles [from, to) into a VCD file, one cycle every 10 time units. False where the file
// cannot be opened, or the library was built without waveforms.
EXPORT bool board_trace_open(Board* board, const char* path, uint64_t from, uint64_t to) {
    return board->trace_open(path, from, to);
}
EXPORT void board_trace_close(Board* board) { board->trace_close(); }
EXPORT bool board_can_trace() { return VM_TRACE; }
