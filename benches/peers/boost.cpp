// Boost.Interprocess's message queue, as functions of C for benches/compare/queue/boost.rs.

#include <boost/interprocess/ipc/message_queue.hpp>
#include <exception>

using namespace boost::interprocess;

extern "C" {

void *boost_open(const char *name, std::size_t messages, std::size_t size) {
    try {
        return new message_queue(open_or_create, name + 1, messages, size);
    } catch (const std::exception &) {
        return nullptr;
    }
}

int boost_send(void *queue, const void *message, std::size_t size) {
    try {
        static_cast<message_queue *>(queue)->send(message, size, 0);
        return 0;
    } catch (const std::exception &) {
        return -1;
    }
}

std::size_t boost_receive(void *queue, void *buffer, std::size_t size) {
    message_queue::size_type received = 0;
    unsigned int priority;
    try {
        static_cast<message_queue *>(queue)->receive(buffer, size, received, priority);
        return received;
    } catch (const std::exception &) {
        return 0;
    }
}

void boost_close(void *queue) { delete static_cast<message_queue *>(queue); }

void boost_remove(const char *name) { message_queue::remove(name + 1); }
}
